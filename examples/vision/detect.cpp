// detect MODEL PICTURE: finds objects, and draws them into found.png.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int, char** arguments) {
  kiln::vision::Detector detector(kiln::Session::load(arguments[1]));
  auto picture = kiln::vision::Picture::load(arguments[2]);
  for (const auto& object : detector.detect(picture)) {
    const auto [left, top, right, bottom, score, index] = object;
    std::printf("%s %.2f: %.0f,%.0f to %.0f,%.0f\n", detector.name_of(index).c_str(), score, left, top, right, bottom);
    draw_outline(picture, {{{left, top}, {right, top}, {right, bottom}, {left, bottom}}}, {255, 0, 0}, 2);
  }
  picture.save("found.png");
}
