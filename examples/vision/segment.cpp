// segment MODEL PICTURE: lays a colour for each class over a picture, into coloured.png.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int, char** arguments) {
  kiln::vision::Segmenter segmenter(kiln::Session::load(arguments[1]));
  auto picture = kiln::vision::Picture::load(arguments[2]);
  const auto found = segmenter.segment(picture);
  std::printf("the top left shows %s\n", segmenter.name_of(found.class_at(0, 0)).c_str());
  draw_segmentation(picture, found);
  picture.save("coloured.png");
}
