// ocr DETECTOR CLASSIFIER RECOGNISER PICTURE: reads text, and draws boxes around it into read.png.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int count, char** arguments) {
  std::vector<kiln::Session> models;
  for (int i = 1; i + 1 < count; ++i) models.push_back(kiln::Session::load(arguments[i]));
  kiln::vision::Ocr ocr(std::move(models));
  auto picture = kiln::vision::Picture::load(arguments[count - 1]);
  for (const auto& line : ocr.read(picture)) {
    std::printf("%.2f %s\n", line.score, line.text.c_str());
    draw_outline(picture, line.box, {255, 0, 0}, 1);
  }
  picture.save("read.png");
}
