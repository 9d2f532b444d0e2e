#pragma once

#include <span>
#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

/// The elements as what dispatch_by_size calls them: an unsigned integer of their size, or strings.
template <class T>
const T* raw_elements(const Tensor& tensor) {
  return static_cast<const T*>(tensor.raw());
}
template <class T>
T* raw_elements(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_raw());
}

/// A shape cut at an axis: [outer, extent, inner].
struct AxisView {
  int64_t outer, extent, inner;
  AxisView(const Shape& shape, int64_t axis);
};

/// to[to_at + i] = from[from_at + i] for `count` elements of one type.
void copy_elements(Tensor& to, int64_t to_at, const Tensor& from, int64_t from_at, int64_t count);
/// to[at + i] = the element of `from` at `from_at`, `count` times.
void fill_elements(Tensor& to, int64_t at, int64_t count, const Tensor& from, int64_t from_at);
/// Zero, false or the empty string everywhere.
void clear_elements(Tensor& tensor);

/// Fills `to`, seen as dense with these extents, with to[i, j, ...] = from[offset + i*strides[0] + j*strides[1] + ...].
void strided_copy(EvalContext& context, Tensor& to, const Shape& extents, const Tensor& from, int64_t offset,
                  std::span<const int64_t> strides);
/// `from` with its axes in another order.
void permuted_copy(EvalContext& context, Tensor& to, const Tensor& from, const Shape& from_shape,
                   std::span<const int64_t> perm);

/// to[i, j, ...] = from[sources[0][i], sources[1][j], ...], or the one element of `fill` where a source is negative.
void mapped_copy(EvalContext& context, Tensor& to, const Tensor& from, const std::vector<std::vector<int64_t>>& sources,
                 const Tensor& fill);

/// How many elements of a shape-computing tensor are followed as expressions.
inline constexpr int64_t max_tracked_dims = 256;
/// The elements of input `index` as expressions if they are followed; unknown ones if only their number is known;
/// nothing where that is not known either or is too many. Fails for a tensor that is no list (a scalar may stand for a
/// list of one).
std::optional<std::vector<Dim>> tracked_dims(const InferContext& context, size_t index);
/// The same when all of them are plain numbers.
std::optional<std::vector<int64_t>> tracked_ints(const InferContext& context, size_t index);

}  // namespace kiln::ops
