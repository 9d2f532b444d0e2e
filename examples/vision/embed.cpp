// embed MODEL PICTURE PICTURE...: says which of the other pictures is most like the first.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int count, char** arguments) {
  kiln::vision::Embedder embedder(kiln::Session::load(arguments[1]));
  std::vector<std::vector<float>> vectors;
  for (int i = 2; i < count; ++i) vectors.push_back(embedder.embed(kiln::vision::Picture::load(arguments[i])));
  const auto wanted = vectors.front();
  for (const auto& found : kiln::vision::find_similar(wanted, vectors, 3))
    std::printf("%.3f %s\n", found.similarity, arguments[2 + found.index]);
}
