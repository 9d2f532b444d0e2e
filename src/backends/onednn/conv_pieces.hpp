#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/onednn/onednn.hpp"
#include "tactics/tactic.hpp"

namespace kiln::onednn {

/// A convolution over any number of axes, or a transposed one.
struct ConvShape {
  bool transposed = false;
  int64_t batch = 1, groups = 1, group_in = 1, group_out = 1;  ///< channels of one group
  Dims in, out, kernel;                                        ///< of the spatial axes
  Dims strides, dilations, pads_begin, pads_end;

  int64_t channels_in() const { return groups * group_in; }
  int64_t channels_out() const { return groups * group_out; }
  int64_t span(size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
  int64_t in_plane() const;
  int64_t out_plane() const;
  int64_t taps() const;
};

/// What a problem that was not declined asks for.
ConvShape conv_shape(const Problem& p);

/// How oneDNN is to see the activations.
enum class Form : uint8_t {
  blocks,  ///< channels in blocks, as its fastest code wants them
  last,    ///< all channels of a pixel beside each other
  planes,  ///< as they are in Kiln's plain tensors
};

/// What is chosen for a convolution; a tuning in words.
struct ConvChoice {
  Form form = Form::blocks;
  int64_t chunks = 1;  ///< of the output channels, or of the groups; with 1 the pieces are slabs of the first axis
  WeightsLayout weights;

  Tuning tuning() const;
  static ConvChoice of(const Tuning& tuning);
};

/// Some groups, or output channels of the only group, with weights that are packed for themselves.
struct ConvChunk {
  int64_t first_in, channels_in;      ///< channels of the tensors
  int64_t first_out, channels_out;    ///< of them
  int64_t groups, wide_in, wide_out;  ///< and what oneDNN is told of: groups, and channels of one with padding
  int64_t at = 0;                     ///< where its packed weights begin
  int64_t bias_at = 0;

  Dims weight_dims(const ConvShape& shape) const;
};

/// Rows of the first spatial axis.
struct ConvSlab {
  int64_t in_first, in_rows, out_first, out_rows, pad_begin, pad_end;
};

/// A convolution in pieces, each of which one thread does by a primitive.
struct ConvPieces {
  ConvPieces(const Problem& p, const ConvChoice& choice);

  ConvShape shape;
  ConvChoice choice;
  int64_t block;  ///< of channels in Form::blocks
  std::vector<ConvChunk> chunks;
  std::vector<ConvSlab> slabs;
  int64_t packed_floats = 0;

  Descriptor in(const ConvChunk& chunk, const ConvSlab& slab) const;
  Descriptor out(const ConvChunk& chunk, const ConvSlab& slab) const;
  Descriptor weights(const ConvChunk& chunk) const { return choice.weights.descriptor(chunk.weight_dims(shape)); }
  Descriptor bias(const ConvChunk& chunk) const;
};

/// A primitive of a piece before it is made: oneDNN's choice of code.
struct ConvCode {
  dnnl::primitive primitive;  ///< where it was asked for
  std::string implementation;
  Descriptor weights, scratchpad;
};
/// `weights` may leave the layout open. Throws dnnl::error.
ConvCode conv_code(const ConvPieces& pieces, const ConvChunk& chunk, const ConvSlab& slab, const Descriptor& weights,
                   bool make);

}  // namespace kiln::onednn
