#pragma once

#include <cstdint>

#include "kernels/copy/copy_table.hpp"
#include "kernels/epilogue.hpp"
#include "kernels/layout.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln::onednn {

/// Between Kiln's plain tensors, whose channels are planes, and what oneDNN works in: blocks of channels beside each
/// other ([block][pixel][channel]), or all channels ([pixel][channel]).
class ChannelMoves {
 public:
  /// `block` channels beside each other; 0 for all.
  ChannelMoves(Isa isa, int64_t block);

  /// From `channels` planes that lie `plane` floats apart. Channels that fill the last block are zero.
  void gather(const float* from, int64_t plane, int64_t channels, int64_t pixels, float* to) const;

  /// Back to planes, and what is left of an epilogue on the way. `residual` lies as `to` does.
  void scatter(const float* from, int64_t plane, int64_t channels, int64_t pixels, const Epilogue& epilogue,
               const float* residual, float* to) const;

 private:
  int64_t lanes_of(int64_t channels) const { return block_ != 0 ? block_ : channels; }

  CopyFunction transpose_;
  TilePassFunction pass_;
  int64_t block_, lanes_;
};

/// The epilogue on `count` floats in a row, from one place to another or in place.
void finish_row(TilePassFunction pass, int64_t lanes, const Epilogue& epilogue, const float* from,
                const float* residual, float* to, int64_t count);

bool is_idle(const Epilogue& epilogue);

}  // namespace kiln::onednn
