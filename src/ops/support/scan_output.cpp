#include "ops/support/scan_output.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

/// Copies `blocks` blocks of `block` elements, with these steps in elements between them.
void copy_blocks(const Tensor& from, int64_t from_start, int64_t from_step, Tensor& to, int64_t to_start,
                 int64_t to_step, int64_t blocks, int64_t block) {
  if (blocks == 0 || block == 0) return;
  dispatch_by_size(from.dtype(), [&]<class T>() {
    const T* source = static_cast<const T*>(from.raw()) + from_start;
    T* target = static_cast<T*>(to.mutable_raw()) + to_start;
    for (int64_t i = 0; i < blocks; ++i) std::copy_n(source + i * from_step, block, target + i * to_step);
  });
}

Shape with_dim(const Shape& shape, int64_t axis, int64_t dim) {
  Shape result = shape;
  result.insert(result.begin() + axis, dim);
  return result;
}

}  // namespace

void ScanOutput::add(const Tensor& element) {
  if (count_ == 0) {
    element_ = element.shape();
    buffer_ = host_.allocate(element.dtype(), with_dim(element_, 0, 1));
  } else if (element.dtype() != buffer_.dtype() || element.shape() != element_) {
    fail(ErrorCode::invalid_argument, "a scan output was {} {} in the first turn and is {} {} in turn {}",
         dtype_name(buffer_.dtype()), to_string(element_), dtype_name(element.dtype()), to_string(element.shape()),
         count_);
  }
  if (count_ == buffer_.dim(0)) {
    Tensor larger = host_.allocate(buffer_.dtype(), with_dim(element_, 0, count_ * 2));
    copy_blocks(buffer_, 0, 0, larger, 0, 0, 1, buffer_.size());
    buffer_ = std::move(larger);
  }
  copy_blocks(element, 0, 0, buffer_, count_ * element.size(), 0, 1, element.size());
  ++count_;
}

Tensor ScanOutput::stack(int64_t axis, bool reversed) const {
  const auto rank = static_cast<int64_t>(element_.size());
  axis = normalize_axis(axis, rank + 1, "scan output axis");
  if (axis == 0 && !reversed && count_ == buffer_.dim(0)) return buffer_;
  Tensor result = host_.allocate(buffer_.dtype(), with_dim(element_, axis, count_));
  const int64_t before = product(element_, 0, axis);
  const int64_t after = product(element_, axis, rank);
  for (int64_t i = 0; i < count_; ++i) {
    const int64_t place = reversed ? count_ - 1 - i : i;
    copy_blocks(buffer_, i * before * after, after, result, place * after, count_ * after, before, after);
  }
  return result;
}

Tensor empty_scan_output(const Type& element, const Shape& outer, int64_t axis) {
  if (!element.is_tensor() || element.dtype == DType::undefined) {
    fail(ErrorCode::invalid_model, "the loop made no turn, and the body does not say of what type its output is");
  }
  Shape shape;
  if (element.shape) {
    for (const Dim& dim : *element.shape) shape.push_back(dim.is_known() ? dim.value() : 0);
  }
  axis = normalize_axis(axis, static_cast<int64_t>(shape.size()) + 1, "scan output axis");
  shape.insert(shape.begin() + axis, outer.begin(), outer.end());
  return {element.dtype, shape};
}

Tensor slice_at(EvalHost& host, const Tensor& tensor, int64_t axis, int64_t index) {
  Shape shape = tensor.shape();
  const int64_t before = product(shape, 0, axis);
  const int64_t after = product(shape, axis + 1, tensor.rank());
  const int64_t extent = shape[static_cast<size_t>(axis)];
  shape.erase(shape.begin() + axis);
  Tensor result = host.allocate(tensor.dtype(), std::move(shape));
  copy_blocks(tensor, index * after, extent * after, result, 0, after, before, after);
  return result;
}

}  // namespace kiln::ops
