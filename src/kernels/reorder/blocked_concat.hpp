#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/layout.hpp"
#include "kernels/reorder/lanes_table.hpp"

namespace kiln {

/// The channels [first, first + channels) of a blocked tensor, which is number `input` of those that a run is given.
struct BlockedPart {
  BlockedLayout layout;
  int64_t first = 0;
  int64_t channels = 0;
  size_t input = 0;
};

/// concat_f32_blocked: channels of blocked tensors side by side in another, wherever their blocks begin. With one part
/// it is a slice.
class BlockedConcat {
 public:
  BlockedConcat(std::vector<BlockedPart> inputs, const BlockedLayout& out, Isa isa);

  /// `inputs` points to blocked tensors of float.
  void run_part(int64_t part, int64_t parts, const void* const* inputs, float* out) const;

 private:
  /// Lanes [first, last) of an output block; where the first of a block's lanes would be in the input.
  struct Piece {
    size_t input;
    int64_t block, shift;
    int first, last;
  };
  void copy_line(std::span<const Piece> pieces, int64_t image, int64_t y, const void* const* inputs, float* to) const;

  std::vector<BlockedPart> inputs_;
  BlockedLayout out_;
  std::vector<Piece> pieces_;
  std::vector<size_t> starts_;  ///< of each output block's pieces
  LaneFunction function_;
};

}  // namespace kiln
