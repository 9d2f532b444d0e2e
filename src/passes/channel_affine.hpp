#pragma once

#include <optional>
#include <vector>

#include "passes/patch.hpp"

namespace kiln::passes {

/// y = factor[c] * x + offset[c] for each channel c of a value.
struct ChannelAffine {
  std::vector<double> factor, offset;
  bool shifts() const;  ///< some offset is not 0
};

/// Where the channels of a value are.
struct ChannelAxis {
  int64_t channels = 0;
  int64_t axis = 0;
  int64_t rank = 0;  ///< 0: not known, and the axis is the last one
};

/// What a BatchNormalization in inference does to its input, all its parameters being f32 constants.
std::optional<ChannelAffine> batch_norm_affine(const GraphView& view, const Node& norm, ValueId data,
                                               const ChannelAxis& where);

/// What an Add, Sub, Mul or Div of `data` and an f32 constant does, where the constant has one element for each
/// channel, or only one.
std::optional<ChannelAffine> arithmetic_affine(const GraphView& view, const Node& node, ValueId data,
                                               const ChannelAxis& where);

}  // namespace kiln::passes
