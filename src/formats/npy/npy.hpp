#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/knobs.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

inline Knob<int64_t> max_array_bytes{"max_array_bytes", "KILN_MAX_ARRAY_BYTES", int64_t{4} << 30,
                                     "most bytes that the arrays of one small file may take when unpacked", 0};

/// The knobs of reading arrays.
KnobList npy_knobs();

struct ArrayReadOptions {
  /// What elements are whose type the file cannot name: NumPy saves every type of ml_dtypes as '|V1' or '|V2'.
  /// Undefined: '|V2' is bf16, and '|V1' an Error that asks for the type.
  DType opaque = DType::undefined;
  /// Most bytes that one call may allocate for elements, unless the file itself is larger.
  uint64_t max_bytes = static_cast<uint64_t>(max_array_bytes.get());
  /// Keeps the file's bytes alive. With it, tensors borrow their elements from the file where the layout allows.
  std::shared_ptr<const void> keeper = {};
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Takes the bytes of a file piece by piece, in order.
using ByteSink = std::function<void(std::span<const std::byte>)>;

/// The array of a .npy file (versions 1 to 3), in C order. Strings ('U' as UTF-8, 'S' as bytes) lose trailing zeros,
/// as in NumPy. Throws Error(invalid_data) for a broken file, Error(unsupported) for elements no tensor has.
Tensor read_npy(std::span<const std::byte> file, const ArrayReadOptions& options = {});

/// Types that NumPy does not have are written as ml_dtypes does, as '<V1' or '<V2'; strings as '<U', or as '|S' where
/// one of them is not UTF-8.
void write_npy(const Tensor& tensor, const ByteSink& sink);

/// The arrays of a .npz file, in its order, their names without ".npy". What is no array is passed over.
std::vector<NamedTensor> read_npz(std::span<const std::byte> file, const ArrayReadOptions& options = {});

void write_npz(std::span<const NamedTensor> tensors, const ByteSink& sink, bool compress = false);

/// The same for files on disk. Loaded tensors may lie in the mapped file, which must not be shortened while they live;
/// saving replaces a file as a whole or not at all.
Tensor load_npy(const std::string& path, DType opaque = DType::undefined);
void save_npy(const std::string& path, const Tensor& tensor);
std::vector<NamedTensor> load_npz(const std::string& path, DType opaque = DType::undefined);
void save_npz(const std::string& path, std::span<const NamedTensor> tensors, bool compress = false);

}  // namespace kiln
