#include "ops/support/pooling.hpp"

#include "ops/support/axes.hpp"

namespace kiln::ops {

void infer_pool(InferContext& context) {
  context.set_output(0, context.dtype(0));
  if (!context.shape(0)) return;
  const SymShape& input = *context.shape(0);
  const Window window = read_pool_window(context, spatial_axes(input));
  context.set_output(0, context.dtype(0), window_output(window, input, input[1]));
}

PoolWindows::Span PoolWindows::span(const Window& window, size_t axis, int64_t index, int64_t extent) {
  const int64_t step = window.dilations[axis];
  const int64_t start = index * window.strides[axis] - window.pads_begin[axis];
  // The number of steps from start until `end` is reached, in the kernel's range.
  const auto steps_to = [&](int64_t end) {
    return end <= start ? 0 : std::min(window.kernel[axis], (end - start + step - 1) / step);
  };
  const int64_t skipped = steps_to(0);
  return {start + skipped * step, std::max<int64_t>(0, steps_to(extent) - skipped),
          steps_to(extent + window.pads_end[axis])};
}

PoolWindows::PoolWindows(const EvalContext& context)
    : window_(read_pool_window(context, spatial_axes(context.input(0).shape()))) {
  const Shape& input = context.input(0).shape();
  output_ = window_output(window_, input, input[1]);
  element_count(output_);
  resolve_pads(window_, input);
  image_.assign(input.begin() + 2, input.end());
  steps_ = row_major_strides(image_);
  dilations_ = window_.dilations;
  image_size_ = product(image_);
  count_ = element_count({output_.begin() + 2, output_.end()});
}

void PoolWindows::prepare() {
  if (channels() == 0 || count_ == 0) return;
  for (size_t axis = 0; axis < image_.size(); ++axis) {
    std::vector<Span> spans(static_cast<size_t>(output_[axis + 2]));
    for (size_t i = 0; i < spans.size(); ++i) spans[i] = span(window_, axis, static_cast<int64_t>(i), image_[axis]);
    spans_.push_back(std::move(spans));
  }
}

int64_t PoolWindows::padded_size(int64_t window) const {
  int64_t size = 1;
  for (size_t axis = image_.size(); axis-- > 0;) {
    size *= spans_[axis][static_cast<size_t>(window % output_[axis + 2])].padded_count;
    window /= output_[axis + 2];
  }
  return size;
}

}  // namespace kiln::ops
