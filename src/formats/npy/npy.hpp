#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kiln/tensor.hpp"

namespace kiln {

struct ArrayReadOptions {
  /// What elements are whose type the file cannot name: NumPy saves every type of ml_dtypes as '|V1' or '|V2'.
  /// Undefined: '|V2' is bf16, and '|V1' an Error that asks for the type.
  DType opaque = DType::undefined;
  /// Most bytes that one call may allocate for elements, unless the file itself is larger: bounds what a small
  /// compressed file can grow to.
  uint64_t max_bytes = uint64_t{4} << 30;
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

}  // namespace kiln
