// classify MODEL PICTURE: says what a picture shows.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int, char** arguments) {
  kiln::vision::Classifier classifier(kiln::Session::load(arguments[1]), {.most = 3});
  for (const auto& found : classifier.classify(kiln::vision::Picture::load(arguments[2])))
    std::printf("%.3f %s\n", found.score, classifier.name_of(found.class_index).c_str());
}
