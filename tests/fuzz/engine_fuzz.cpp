// An engine file of any bytes loads or is refused. The checksums are made right first, so that the readers of the
// sections are reached; and so is the packing version, so that seeds of older ones serve too.
#include "fuzz/harness.hpp"
#include "runtime/engine_bytes.hpp"
#include "tactics/packing_version.hpp"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::set_small_limits();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  constexpr size_t packing_version_at = 24;
  if (bytes.size() >= packing_version_at + sizeof packing_version) {
    std::memcpy(&bytes[packing_version_at], &packing_version, sizeof packing_version);
  }
  test::reseal(bytes);
  try {
    const EngineFile file = test::read_engine(bytes);
    file.verify_weights();
    file.engine();
  } catch (const Error&) {
  }
  return 0;
}
