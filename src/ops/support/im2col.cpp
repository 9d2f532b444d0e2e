#include "ops/support/im2col.hpp"

namespace kiln::ops {

namespace {

/// True when every window sees one element and the next window the next element.
bool is_pointwise(const Window& window) {
  for (size_t axis = 0; axis < window.axes(); ++axis) {
    if (window.kernel[axis] != 1 || window.strides[axis] != 1) return false;
    if (window.pads_begin[axis] != 0 || window.pads_end[axis] != 0) return false;
  }
  return true;
}

}  // namespace

Im2Col::Im2Col(const Window& window, Shape image, Shape windows)
    : window_(window), image_(std::move(image)), windows_(std::move(windows)) {
  if (image_ == windows_ && is_pointwise(window_)) {
    image_ = windows_ = {product(image_)};
    window_.kernel = window_.strides = window_.dilations = {1};
    window_.pads_begin = window_.pads_end = {0};
  }
  steps_ = row_major_strides(image_);
  kernel_size_ = product(window_.kernel);
  image_size_ = product(image_);
  window_count_ = product(windows_);
}

}  // namespace kiln::ops
