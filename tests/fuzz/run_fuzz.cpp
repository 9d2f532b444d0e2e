// A tiny model whose data are its initialisers runs to an answer or an Error, within the limits of the knobs.
#include "fuzz/harness.hpp"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::set_small_limits();
  try {
    fuzz::run_model(read_onnx_memory(std::as_bytes(std::span(data, size)), {}, {.allow_external = false}), {});
  } catch (const Error&) {
  }
  return 0;
}
