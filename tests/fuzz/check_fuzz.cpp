// Checking a model, which infers all its types and shapes, ends with findings whatever the model says.
#include "fuzz/harness.hpp"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::set_small_limits();
  try {
    Diagnostics diagnostics(Diagnostics::Mode::collect);
    const ModelDef model =
        read_onnx_memory(std::as_bytes(std::span(data, size)), {}, {.allow_external = false}, &diagnostics);
    check_model(model);
  } catch (const Error&) {
  }
  return 0;
}
