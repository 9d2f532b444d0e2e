#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kiln/tensor.hpp"

namespace kiln {

/// What the head of a .npy file says.
struct NpyHeader {
  std::string descr;  ///< NumPy's name of the element type: "<f4", "|V2", "bfloat16"
  bool fortran_order = false;
  Shape shape;
  size_t data_offset = 0;  ///< where the elements begin
};

/// Reads the head of versions 1 to 3. Error(invalid_data) if it is cut off or malformed, Error(unsupported) for
/// structured elements.
NpyHeader parse_npy_header(std::span<const std::byte> file);

/// The head of a file in C order, padded so that the elements begin at a multiple of 64 bytes.
std::string format_npy_header(std::string_view descr, const Shape& shape);

}  // namespace kiln
