#pragma once

#include <optional>
#include <span>

#include "ops/support/resampling.hpp"

namespace kiln::ops {

/// What says how large the output of a Resize or Upsample becomes.
struct ResizeTarget {
  std::vector<int64_t> axes;  ///< that sizes or scales are for
  std::optional<std::vector<float>> scales;
  std::optional<std::vector<int64_t>> sizes;
  enum class Policy : uint8_t { stretch, not_larger, not_smaller } policy = Policy::stretch;
};

/// The axes that a node resizes of a tensor of this rank: all unless the attribute says.
std::vector<int64_t> read_resize_axes(const NodeView& node, size_t rank);
ResizeTarget::Policy read_resize_policy(const NodeView& node);

/// The axes of a tensor of this shape, resized; fails on sizes and scales that do not fit or give nothing sensible.
std::vector<ResampledAxis> resize_axes(const ResizeTarget& target, std::span<const int64_t> input);

/// floor(input * scale), unknown where it depends on a symbol in a way that has no expression.
Dim scaled_extent(const Dim& input, float scale);

}  // namespace kiln::ops
