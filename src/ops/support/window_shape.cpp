#include "ops/support/window_shape.hpp"

#include <limits>

#include "base/error.hpp"

namespace kiln::ops {

void fail_spatial_rank(size_t rank) {
  fail(ErrorCode::invalid_argument, "the input must have at least 3 axes (N, C, D1, ...), found {}", rank);
}

AutoPad read_auto_pad(const NodeView& node) {
  const std::string text = node.attr_string("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::notset;
  if (text == "SAME_UPPER") return AutoPad::same_upper;
  if (text == "SAME_LOWER") return AutoPad::same_lower;
  if (text == "VALID") return AutoPad::valid;
  fail(ErrorCode::invalid_model, "attribute 'auto_pad' is '{}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
       text);
}

std::vector<int64_t> read_window_list(const NodeView& node, const char* name, size_t axes, int64_t least,
                                      int64_t otherwise) {
  const auto given = node.attr_ints(name);
  if (given.empty() && !(node.has_attribute(name) && axes > 0)) return std::vector<int64_t>(axes, otherwise);
  if (given.size() != axes) {
    fail(ErrorCode::invalid_model, "attribute '{}' has {} numbers, expected {}", name, given.size(), axes);
  }
  for (const int64_t number : given) {
    // The bound keeps all sums and products of a few such numbers inside 64 bits.
    if (number < least || number > std::numeric_limits<int32_t>::max()) {
      fail(ErrorCode::invalid_model, "attribute '{}' holds {}, expected numbers in [{}, 2^31)", name, number, least);
    }
  }
  return {given.begin(), given.end()};
}

Window read_window(const NodeView& node, std::vector<int64_t> kernel) {
  Window window;
  const size_t axes = kernel.size();
  for (const int64_t extent : kernel) {
    if (extent < 1 || extent > std::numeric_limits<int32_t>::max()) {
      fail(ErrorCode::invalid_model, "the kernel has extent {}, expected one in [1, 2^31)", extent);
    }
  }
  window.kernel = std::move(kernel);
  window.strides = read_window_list(node, "strides", axes, 1, 1);
  window.dilations = read_window_list(node, "dilations", axes, 1, 1);
  const std::vector<int64_t> pads = read_window_list(node, "pads", 2 * axes, 0, 0);
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
  window.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
  window.auto_pad = read_auto_pad(node);
  if (window.auto_pad != AutoPad::notset) {
    window.pads_begin.assign(axes, 0);
    window.pads_end.assign(axes, 0);
  }
  window.ceil_mode = node.attr_int("ceil_mode", 0) != 0;
  window.drop_late = node.version() >= 22;
  return window;
}

Window read_pool_window(const NodeView& node, size_t axes) {
  if (!node.has_attribute("kernel_shape")) {
    fail(ErrorCode::invalid_model, "the required attribute 'kernel_shape' is missing");
  }
  return read_window(node, read_window_list(node, "kernel_shape", axes, 1, 1));
}

namespace {

// Sums with a larger extent might not fit; only a tensor without elements can have one.
constexpr int64_t extent_limit = int64_t{1} << 60;

}  // namespace

int64_t window_count(const Window& window, size_t axis, int64_t input) {
  if (input < 0 || input >= extent_limit) {
    fail(ErrorCode::limit_exceeded, "an extent of {} is too large for windows to slide over", input);
  }
  const int64_t stride = window.strides[axis];
  if (window.auto_pad == AutoPad::same_upper || window.auto_pad == AutoPad::same_lower) {
    return input / stride + (input % stride != 0 ? 1 : 0);
  }
  const int64_t padded = input + window.pads_begin[axis] + window.pads_end[axis];
  const int64_t room = padded - window.reach(axis);
  if (padded == 0) return 0;
  if (room < 0) {
    fail(ErrorCode::invalid_argument,
         "the window reaches over {} elements along spatial axis {}, but the padded input has only {}",
         window.reach(axis), axis, padded);
  }
  if (!window.ceil_mode) return room / stride + 1;
  const int64_t count = (room + stride - 1) / stride + 1;
  const bool starts_late = (count - 1) * stride >= input + window.pads_begin[axis];
  return window.drop_late && starts_late ? count - 1 : count;
}

Dim window_count(const Window& window, size_t axis, const Dim& input) {
  if (input.is_known()) {
    const bool sane = input.value() >= 0 && input.value() < extent_limit;
    return sane ? Dim(window_count(window, axis, input.value())) : Dim();
  }
  const Dim stride = window.strides[axis];
  if (window.auto_pad == AutoPad::same_upper || window.auto_pad == AutoPad::same_lower) return ceil_div(input, stride);
  const int64_t reach = window.reach(axis), end = window.pads_end[axis];
  const Dim room = input + Dim(window.pads_begin[axis] + end - reach);
  if (!window.ceil_mode) return floor_div(room, stride) + Dim(1);
  const Dim count = ceil_div(room, stride) + Dim(1);
  if (!window.drop_late) return count;
  // At most one window starts late while the padding at the end is smaller than the window.
  if (end >= reach) return {};
  return min(count, ceil_div(input + Dim(window.pads_begin[axis]), stride));
}

void resolve_pads(Window& window, const Shape& input) {
  if (window.auto_pad != AutoPad::same_upper && window.auto_pad != AutoPad::same_lower) return;
  for (size_t axis = 0; axis < window.axes(); ++axis) {
    const int64_t extent = input[axis + 2];
    const int64_t needed = (window_count(window, axis, extent) - 1) * window.strides[axis] + window.reach(axis);
    const int64_t total = std::max<int64_t>(0, needed - extent);
    const int64_t small = total / 2;
    window.pads_begin[axis] = window.auto_pad == AutoPad::same_upper ? small : total - small;
    window.pads_end[axis] = total - window.pads_begin[axis];
  }
}

Shape window_output(const Window& window, const Shape& input, int64_t channels) {
  Shape output{input[0], channels};
  for (size_t axis = 0; axis < window.axes(); ++axis) output.push_back(window_count(window, axis, input[axis + 2]));
  return output;
}

SymShape window_output(const Window& window, const SymShape& input, const Dim& channels) {
  SymShape output{input[0], channels};
  for (size_t axis = 0; axis < window.axes(); ++axis) output.push_back(window_count(window, axis, input[axis + 2]));
  return output;
}

}  // namespace kiln::ops
