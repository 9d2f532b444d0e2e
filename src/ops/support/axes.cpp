#include "ops/support/axes.hpp"

#include "base/error.hpp"

namespace kiln::ops {

int64_t normalize_axis(int64_t axis, int64_t rank, const char* what) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::invalid_argument, "{} {} is out of range for a tensor of rank {}", what, axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> normalize_axes(std::span<const int64_t> axes, int64_t rank, const char* what) {
  std::vector<int64_t> normalized;
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (int64_t axis : axes) {
    const int64_t index = normalize_axis(axis, rank, what);
    if (seen[static_cast<size_t>(index)]) fail(ErrorCode::invalid_argument, "{} name axis {} twice", what, index);
    seen[static_cast<size_t>(index)] = true;
    normalized.push_back(index);
  }
  return normalized;
}

std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

int64_t product(const Shape& shape, int64_t begin, int64_t end) {
  int64_t result = 1;
  for (int64_t i = begin; i < end; ++i) result *= shape[static_cast<size_t>(i)];
  return result;
}

int64_t checked_index(int64_t index, int64_t extent, const char* what) {
  if (index < -extent || index >= extent) {
    fail(ErrorCode::invalid_argument, "{} {} is out of range for an axis of {} elements", what, index, extent);
  }
  return index < 0 ? index + extent : index;
}

}  // namespace kiln::ops
