// Runs a model: says what it takes and gives, feeds it ones, prints the first elements of each output.

#include <algorithm>
#include <cstdio>
#include <kiln/kiln.hpp>

namespace {

/// A tensor of ones for an input of floats; a dim that is no number is 1.
kiln::Tensor ones(const kiln::PortInfo& port) {
  kiln::Shape shape;
  for (const kiln::PortDim& dim : port.shape) shape.push_back(std::max<int64_t>(dim.value, 1));
  const std::vector<float> elements(static_cast<size_t>(kiln::element_count(shape)), 1.0f);
  return kiln::Tensor::from<float>(shape, elements);
}

void run(const char* path) {
  kiln::Session session(kiln::Model::load(path));
  kiln::Session::Feeds feeds;
  for (const kiln::PortInfo& input : session.inputs()) {
    std::printf("input %s: %s\n", input.name.c_str(), input.type.c_str());
    feeds.emplace_back(input.name, ones(input));
  }
  const std::vector<kiln::Value> outputs = session.run(feeds);
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::printf("output %s: %s\n ", session.outputs()[i].name.c_str(), outputs[i].describe().c_str());
    const auto elements = outputs[i].tensor().elements<float>();
    for (size_t k = 0; k < std::min<size_t>(elements.size(), 10); ++k) std::printf(" %g", elements[k]);
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: example MODEL.onnx\n");
    return 2;
  }
  try {
    run(argv[1]);
    return 0;
  } catch (const kiln::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
