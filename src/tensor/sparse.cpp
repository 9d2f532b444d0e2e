#include "tensor/sparse.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "tensor/dispatch.hpp"

namespace kiln {
namespace {

/// Where in the dense tensor each value goes.
std::vector<int64_t> positions_of(const SparseTensor& sparse) {
  const auto rank = static_cast<int64_t>(sparse.shape.size());
  const int64_t count = sparse.values.size();
  const int64_t size = element_count(sparse.shape);
  const Tensor& indices = sparse.indices;
  if (count == 0) return {};
  if (indices.dtype() != DType::i64) {
    fail(ErrorCode::invalid_data, "the indices of a sparse tensor must be of type i64, found {}",
         dtype_name(indices.dtype()));
  }
  const bool flat = indices.shape() == Shape{count};
  if (!flat && indices.shape() != Shape{count, rank}) {
    fail(ErrorCode::invalid_data, "a sparse tensor of shape {} with {} values has indices of shape {}",
         to_string(sparse.shape), count, to_string(indices.shape()));
  }
  std::vector<int64_t> positions;
  const Tensor aligned = indices.is_aligned() ? indices : indices.clone();
  const int64_t* index = aligned.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = flat ? index[i] : 0;
    for (int64_t axis = 0; !flat && axis < rank; ++axis) {
      const int64_t at = index[i * rank + axis];
      const int64_t extent = sparse.shape[static_cast<size_t>(axis)];
      if (at < 0 || at >= extent) {
        fail(ErrorCode::invalid_data, "index {} of a sparse tensor is out of range for an axis of {} elements", at,
             extent);
      }
      position = position * extent + at;
    }
    if (position < 0 || position >= size) {
      fail(ErrorCode::invalid_data, "index {} of a sparse tensor is out of range for {} elements", position, size);
    }
    positions.push_back(position);
  }
  return positions;
}

}  // namespace

Tensor densify(const SparseTensor& sparse) {
  const std::vector<int64_t> positions = positions_of(sparse);
  Tensor dense(sparse.values.dtype(), sparse.shape);
  const Tensor values = sparse.values.is_aligned() ? sparse.values : sparse.values.clone();
  dispatch_by_size(dense.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(dense.mutable_raw());
    const T* from = static_cast<const T*>(values.raw());
    std::fill_n(to, dense.size(), T());
    for (size_t i = 0; i < positions.size(); ++i) to[positions[i]] = from[i];
  });
  return dense;
}

}  // namespace kiln
