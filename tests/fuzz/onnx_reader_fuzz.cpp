// A model file of any bytes is read or refused; what was read can be written, and read again.
#include <string>

#include "formats/onnx/writer.hpp"
#include "fuzz/harness.hpp"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::set_small_limits();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  std::string written;
  try {
    written = write_onnx(read_onnx_memory(bytes, {}, {.allow_external = false}));
  } catch (const Error&) {
    return 0;
  }
  read_onnx_memory(fuzz::bytes_of(written), {}, {.allow_external = false});
  return 0;
}
