#pragma once

#include <cstdint>
#include <vector>

#include "kernels/layout.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

/// An operand or the output of a chain: floats or truth values as ONNX has them (row-major), or blocked floats.
struct ChainTensor {
  static ChainTensor plain(Shape shape, bool boolean = false) { return {std::move(shape), boolean, false, {}}; }
  static ChainTensor in_blocks(const BlockedLayout& layout) {
    return {{layout.n, layout.c, layout.h, layout.w}, false, true, layout};
  }

  Shape shape;
  bool boolean = false;
  bool blocked = false;
  BlockedLayout layout;
};

/// The axes that a chain walks, those that all tensors walk alike merged into one: at least two, the last but one is
/// the rows of a tile and the last what lies in a row.
struct ChainSpace {
  /// Where a tensor's element at an index lies; the last one is the output.
  struct Walk {
    int64_t base = 0;
    std::vector<int64_t> steps;  ///< along each axis; 0 where it repeats. The last one is 0 or 1.
  };

  /// Fails with Error(unsupported) where formats do not go together, invalid_argument where shapes do not.
  ChainSpace(const std::vector<ChainTensor>& inputs, const ChainTensor& output);

  std::vector<int64_t> extents;
  std::vector<Walk> walks;
  int64_t unit = 1;            ///< elements of an operand that is the same all over a row: 1, or a block of channels
  int channel_axis = -1;       ///< the axis of channel blocks, if the last one has padding
  int64_t last_channels = 0;   ///< channels in the last block
  std::vector<bool> channels;  ///< per input of a blocked output: plain, with an element per channel
  std::vector<bool> single;    ///< per input of a blocked output: one plain element

 private:
  void walk_plain(const std::vector<ChainTensor>& inputs, const ChainTensor& output);
  void walk_blocked(const std::vector<ChainTensor>& inputs, const ChainTensor& output);
  void merge_axes();
};

}  // namespace kiln
