#pragma once

#include <algorithm>
#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

enum class AutoPad : uint8_t { notset, same_upper, same_lower, valid };

/// Reads the attribute auto_pad; fails for a value that is none of the four.
AutoPad read_auto_pad(const NodeView& node);

/// How a window slides over the spatial axes of a tensor (N, C, D1, ..., Dn): one number per axis.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;
  bool drop_late = false;  ///< in ceil_mode, no window starts in the padding at the end

  size_t axes() const { return kernel.size(); }
  /// How far the window reaches along an axis, gaps of the dilation included.
  int64_t reach(size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

/// A list of numbers, one for each of `axes` axes: `otherwise` for each where the attribute is absent. Fails on another
/// length and on numbers outside [least, 2^31).
std::vector<int64_t> read_window_list(const NodeView& node, const char* name, size_t axes, int64_t least,
                                      int64_t otherwise);

/// Reads strides, dilations, pads, auto_pad and ceil_mode; fails on what ONNX forbids.
Window read_window(const NodeView& node, std::vector<int64_t> kernel);
/// The same for pooling, where kernel_shape is an attribute that must be given.
Window read_pool_window(const NodeView& node, size_t axes);

/// Number of windows along an axis of `input` elements.
int64_t window_count(const Window& window, size_t axis, int64_t input);
Dim window_count(const Window& window, size_t axis, const Dim& input);

/// Turns auto_pad into pads for this input shape (N, C, D1, ..., Dn).
void resolve_pads(Window& window, const Shape& input);

/// (N, channels, windows...) of an input (N, C, D1, ..., Dn).
Shape window_output(const Window& window, const Shape& input, int64_t channels);
SymShape window_output(const Window& window, const SymShape& input, const Dim& channels);

[[noreturn]] void fail_spatial_rank(size_t rank);
/// The number of spatial axes; fails for an input without any.
template <class AnyShape>
size_t spatial_axes(const AnyShape& input) {
  if (input.size() < 3) fail_spatial_rank(input.size());
  return input.size() - 2;
}

}  // namespace kiln::ops
