#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kiln/tensor.hpp"

namespace kiln::ops {

/// -rank <= axis < rank made 0 <= axis < rank; fails, naming `what`, when it is out of range.
int64_t normalize_axis(int64_t axis, int64_t rank, const char* what = "axis");
/// The same for a list; fails on one that is named twice. The order is kept.
std::vector<int64_t> normalize_axes(std::span<const int64_t> axes, int64_t rank, const char* what = "axes");

/// Steps in elements between neighbours along each axis of a dense row-major tensor.
std::vector<int64_t> row_major_strides(const Shape& shape);
/// The product of dims [begin, end).
int64_t product(const Shape& shape, int64_t begin, int64_t end);
inline int64_t product(const Shape& shape) { return product(shape, 0, static_cast<int64_t>(shape.size())); }

/// An index that comes from data, -extent <= index < extent, made 0 <= index < extent; fails otherwise.
int64_t checked_index(int64_t index, int64_t extent, const char* what = "index");

}  // namespace kiln::ops
