#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kiln/tensor.hpp"

namespace kiln::onnx {

/// True for the types of 2, 4 and 6 bits, which files pack as one stream of bits, least significant first.
bool is_packed(DType dtype);

/// Bytes that `count` elements take in a file. Fails with limit_exceeded where that overflows; not for strings.
size_t stored_bytes(DType dtype, int64_t count);

/// One element per byte from a packed stream that holds at least `count` of them; signed types are sign-extended.
void unpack(DType dtype, const uint8_t* packed, int64_t count, uint8_t* out);

/// The packed stream of a tensor of a packed type.
std::string pack(const Tensor& tensor);

}  // namespace kiln::onnx
