#pragma once

#include <algorithm>
#include <array>

#include "ops/support/axes.hpp"
#include "ops/support/window_shape.hpp"

namespace kiln::ops {

/// An image's windows as the matrix [channels * kernel][windows] without ever building it: a convolution is the product
/// of the weights and this matrix.
class Im2Col {
 public:
  /// `image` and `windows` are the extents along the spatial axes; the window's pads are resolved.
  Im2Col(const Window& window, Shape image, Shape windows);

  int64_t kernel_size() const { return kernel_size_; }
  int64_t image_size() const { return image_size_; }
  int64_t window_count() const { return window_count_; }

  /// Writes elements [begin, begin + count) of a row of the matrix: convert(element), or zero in the padding.
  template <class From, class To, class Convert>
  void row(const From* image, int64_t row, int64_t begin, int64_t count, To* to, Convert&& convert) const;
  /// The reverse: adds all elements of a row to those of the image that they stand for.
  template <class From, class To>
  void add_row(const From* elements, int64_t row, To* image) const;

 private:
  /// Calls visit(size, low, high, offset, stride) for runs of a row along the last axis: columns [low, high) of the run
  /// stand for image elements offset, offset + stride, ..., the others for padding.
  template <class Visit>
  void for_runs(int64_t row, int64_t begin, int64_t count, Visit&& visit) const;

  Window window_;
  Shape image_, windows_;
  std::vector<int64_t> steps_;  ///< of the image's axes, in elements
  int64_t kernel_size_, image_size_, window_count_;
};

template <class Visit>
void Im2Col::for_runs(int64_t row, int64_t begin, int64_t count, Visit&& visit) const {
  if (count == 0) return;  // There may be no windows at all, which no index can be taken from.
  const size_t axes = image_.size(), last = axes - 1;
  // Where the first window sees this element of the kernel, along each axis, and which window comes first.
  constexpr size_t few = 8;
  std::array<int64_t, 2 * few> numbers;
  std::vector<int64_t> many(axes > few ? 2 * axes : 0);
  int64_t* origin = axes > few ? many.data() : numbers.data();
  int64_t* index = origin + axes;
  int64_t kernel_rest = row % kernel_size_, window_rest = begin;
  for (size_t axis = axes; axis-- > 0;) {
    origin[axis] = kernel_rest % window_.kernel[axis] * window_.dilations[axis] - window_.pads_begin[axis];
    kernel_rest /= window_.kernel[axis];
    index[axis] = window_rest % windows_[axis];
    window_rest /= windows_[axis];
  }
  const int64_t stride = window_.strides[last], extent = image_[last];
  while (count > 0) {
    const int64_t run = std::min(count, windows_[last] - index[last]);
    int64_t offset = row / kernel_size_ * image_size_;
    bool inside = true;
    for (size_t axis = 0; axis < last; ++axis) {
      const int64_t at = index[axis] * window_.strides[axis] + origin[axis];
      inside = inside && at >= 0 && at < image_[axis];
      offset += at * steps_[axis];
    }
    const int64_t first = index[last] * stride + origin[last];
    const int64_t low = !inside ? run : first >= 0 ? 0 : std::min(run, (-first + stride - 1) / stride);
    const int64_t high = first >= extent ? low : std::max(low, std::min(run, (extent - first + stride - 1) / stride));
    visit(run, low, high, offset + first + low * stride, stride);
    count -= run;
    index[last] += run;
    for (size_t axis = last; axis > 0 && index[axis] == windows_[axis]; --axis) {
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

template <class From, class To, class Convert>
void Im2Col::row(const From* image, int64_t row, int64_t begin, int64_t count, To* to, Convert&& convert) const {
  for_runs(row, begin, count, [&](int64_t size, int64_t low, int64_t high, int64_t offset, int64_t stride) {
    std::fill_n(to, low, To{});
    for (int64_t i = low; i < high; ++i, offset += stride) to[i] = convert(image[offset]);
    std::fill(to + high, to + size, To{});
    to += size;
  });
}

template <class From, class To>
void Im2Col::add_row(const From* elements, int64_t row, To* image) const {
  for_runs(row, 0, window_count_, [&](int64_t size, int64_t low, int64_t high, int64_t offset, int64_t stride) {
    for (int64_t i = low; i < high; ++i, offset += stride) image[offset] += elements[i];
    elements += size;
  });
}

}  // namespace kiln::ops
