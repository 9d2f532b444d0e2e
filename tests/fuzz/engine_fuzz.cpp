// An engine file of any bytes loads or is refused. The checksums are made right first, so that the readers of the
// sections are reached.
#include "fuzz/harness.hpp"
#include "runtime/engine_bytes.hpp"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::set_small_limits();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  test::reseal(bytes);
  try {
    const EngineFile file = test::read_engine(bytes);
    file.verify_weights();
    file.engine();
  } catch (const Error&) {
  }
  return 0;
}
