#include "ops/support/resize_shape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "ops/support/axes.hpp"

namespace kiln::ops {

namespace {

void check_count(size_t count, const ResizeTarget& target, const char* what) {
  if (count != target.axes.size()) {
    fail(ErrorCode::invalid_argument, "'{}' has {} numbers, expected one for each of {} axes", what, count,
         target.axes.size());
  }
}

int64_t to_extent(double value) {
  if (!(value >= 0 && value < static_cast<double>(int64_t{1} << 60))) {
    fail(ErrorCode::limit_exceeded, "an axis cannot be resized to {}", value);
  }
  return static_cast<int64_t>(value);
}

void apply_scales(const ResizeTarget& target, std::vector<ResampledAxis>& axes) {
  check_count(target.scales->size(), target, "scales");
  for (size_t i = 0; i < target.axes.size(); ++i) {
    const float scale = (*target.scales)[i];
    if (!(scale > 0 && std::isfinite(scale))) {
      fail(ErrorCode::invalid_argument, "'scales' holds {}, expected positive numbers", scale);
    }
    ResampledAxis& axis = axes[static_cast<size_t>(target.axes[i])];
    axis.scale = static_cast<double>(scale);
    axis.length = axis.scale * static_cast<double>(axis.input);
    axis.output = to_extent(std::floor(axis.length));
  }
}

void apply_sizes(const ResizeTarget& target, std::vector<ResampledAxis>& axes) {
  check_count(target.sizes->size(), target, "sizes");
  const bool larger = target.policy == ResizeTarget::Policy::not_smaller;
  double common = larger ? 0 : std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < target.axes.size(); ++i) {
    const int64_t size = (*target.sizes)[i];
    ResampledAxis& axis = axes[static_cast<size_t>(target.axes[i])];
    if (size < 0 || (axis.input == 0 && size > 0)) {
      fail(ErrorCode::invalid_argument, "an axis of {} elements cannot be resized to {}", axis.input, size);
    }
    axis.output = size;
    axis.length = static_cast<double>(size);
    axis.scale = axis.input == 0 ? 1 : axis.length / static_cast<double>(axis.input);
    common = larger ? std::max(common, axis.scale) : std::min(common, axis.scale);
  }
  if (target.policy == ResizeTarget::Policy::stretch) return;
  for (const int64_t index : target.axes) {
    ResampledAxis& axis = axes[static_cast<size_t>(index)];
    axis.scale = common;
    axis.length = common * static_cast<double>(axis.input);
    axis.output = to_extent(std::floor(axis.length + 0.5));
  }
}

}  // namespace

std::vector<int64_t> read_resize_axes(const NodeView& node, size_t rank) {
  if (node.has_attribute("axes")) return normalize_axes(node.attr_ints("axes"), static_cast<int64_t>(rank));
  std::vector<int64_t> all(rank);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

ResizeTarget::Policy read_resize_policy(const NodeView& node) {
  const std::string policy = node.attr_string("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch") return ResizeTarget::Policy::stretch;
  if (policy == "not_larger") return ResizeTarget::Policy::not_larger;
  if (policy == "not_smaller") return ResizeTarget::Policy::not_smaller;
  fail(ErrorCode::invalid_model,
       "attribute 'keep_aspect_ratio_policy' is '{}', expected stretch, not_larger or not_smaller", policy);
}

std::vector<ResampledAxis> resize_axes(const ResizeTarget& target, std::span<const int64_t> input) {
  std::vector<ResampledAxis> axes(input.size());
  for (size_t i = 0; i < input.size(); ++i) {
    axes[i].input = axes[i].output = input[i];
    axes[i].length = static_cast<double>(input[i]);
  }
  if (target.sizes) {
    apply_sizes(target, axes);
  } else if (target.scales) {
    apply_scales(target, axes);
  }
  return axes;
}

Dim scaled_extent(const Dim& input, float scale) {
  if (!(scale > 0 && std::isfinite(scale))) {
    fail(ErrorCode::invalid_argument, "'scales' holds {}, expected positive numbers", scale);
  }
  if (input.is_known()) {
    return to_extent(std::floor(static_cast<double>(scale) * static_cast<double>(input.value())));
  }
  // A float is a whole number over a power of two; small ones make an expression worth having.
  for (int shift = 0; shift <= 8; ++shift) {
    const float whole = std::ldexp(scale, shift);
    if (whole > 65536) break;
    if (whole == std::floor(whole))
      return floor_div(input * Dim(static_cast<int64_t>(whole)), Dim(int64_t{1} << shift));
  }
  return {};
}

}  // namespace kiln::ops
