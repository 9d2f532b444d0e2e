// Array files of any bytes: the first byte says which reader gets the rest.
#include "formats/npy/npy.hpp"
#include "fuzz/harness.hpp"

using namespace kiln;

namespace {

void read(uint8_t kind, std::span<const std::byte> bytes) {
  switch (kind % 5) {
    case 0: read_npy(bytes); break;
    case 1: read_npz(bytes); break;
    case 2: read_value_proto(bytes, {}, Type::tensor(DType::f32)); break;
    case 3: read_value_proto(bytes, {}, Type::sequence(Type::tensor(DType::i64))); break;
    default: read_value_proto(bytes, {}, Type::optional(Type::tensor(DType::string))); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  fuzz::set_small_limits();
  max_array_bytes.set(int64_t{32} << 20);
  try {
    read(data[0], std::as_bytes(std::span(data + 1, size - 1)));
  } catch (const Error&) {
  }
  return 0;
}
