#pragma once

#include <vector>

#include "base/function_ref.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln {

/// What is chosen by measuring or by rule for a layer made of tiles.
struct TileTuning {
  int blocks = 2;                   ///< channel blocks of a tile
  int rows = TileTable::most_rows;  ///< the most rows of a tile, if the instruction set has that many
  int64_t band = 4;                 ///< output lines of a task
  bool channels_outer = false;      ///< walk all lines for one group of output channels before the next
  bool two_lines = false;           ///< tiles on two lines, for lines of 7 pixels and fewer
  bool prefetch_weights = false;    ///< of the next group of output channels, into L2
  bool prefetch_input = false;      ///< of the next task, into L2; with lines outermost

  bool operator==(const TileTuning&) const = default;
};

/// The rows of a tile of so many blocks with just enough sums to hide the latency of multiply-adds.
constexpr int short_rows(int blocks) { return 16 / blocks; }

/// The number of blocks of a tile that should be fastest for lines of `width` pixels and so many channel blocks.
int best_blocks(const TileTable& table, int64_t channel_blocks, int64_t width);

/// Floats to be fetched into L2 while tiles are done: so many in each of some runs.
struct FetchAhead {
  const float* from = nullptr;
  int64_t floats = 0, runs = 1, step = 0;
};

/// What is summed for each output: groups of floats (TileArgs).
struct TileDepth {
  std::vector<ptrdiff_t> offsets;
  int64_t groups = 0, length = 0, tail_groups = 0, tail_length = 0;

  int64_t floats() const { return groups * length + tail_groups * tail_length; }
};

/// A layer as tiles: which input each output pixel reads, where outputs go, and how the weights are packed.
/// All steps are in floats. Made by the kernels of conv/ and gemm/, which fill in the fields and call prepare().
class TileWalk {
 public:
  Isa isa = Isa::portable;
  TileTuning tuning;
  EpiloguePlan epilogue{Epilogue{}};
  // The outputs: images x lines x width pixels x channels.
  int64_t images = 1, lines = 1, width = 1, channels = 1;
  bool adjoining = false;  ///< a line goes on where the one before ends, and so may tiles
  bool row_major = false;  ///< nothing is padded: channels past the last stay untouched
  int64_t in_image = 0, in_line = 0, in_pixel = 0;
  /// What a line reads that those before it do not: in each of some channel blocks, from a place on, in_line floats.
  int64_t in_blocks = 0, in_block = 0, in_new = 0;
  int64_t out_image = 0, out_line = 0, out_pixel = 0, out_block = 0;
  TileDepth depth;  ///< of all channels, unless prepare() is told otherwise

  /// To be called once all fields above are set.
  void prepare();
  /// The same where channels differ in what they sum. Each panel has what depth_of(first, count) gives for its
  /// channels; none has any on both sides of a multiple of `wall`, a number of channel blocks.
  void prepare(int64_t wall, FunctionRef<TileDepth(int64_t first, int64_t count)> depth_of);

  /// Floats of the packed weights and, behind them, the bias.
  int64_t packed_floats() const { return bias_at_ + all_blocks() * lanes(); }
  /// Packs what fill(depth, k, first, count, to) writes: the weights of `count` channels from `first` on, k counting
  /// through the groups of their depth; and bias(channel).
  template <class Fill, class Bias>
  void pack(float* packed, Fill&& fill, Bias&& bias) const {
    float* to = packed;
    for (const Panel& panel : panels_) {
      const int64_t first = panel.block * lanes(), wide = panel.blocks * lanes();
      const int64_t count = channels - first < wide ? channels - first : wide;
      const TileDepth& of = depth_of(panel);
      for (int64_t k = 0; k < of.floats(); ++k, to += wide) {
        fill(of, k, first, count, to);
        for (int64_t c = count; c < wide; ++c) to[c] = 0;
      }
    }
    for (int64_t c = 0; c < all_blocks() * lanes(); ++c) *to++ = c < channels ? bias(c) : 0.0f;
  }

  /// Part `part` of `parts` of all lines and channels, all parts about the same work. `residual` lies as the output
  /// does; null where there is none.
  void run_part(int64_t part, int64_t parts, const float* in, const float* packed, float* out,
                const float* residual) const;

  // For kernels that lay out input or weights as they go:
  int64_t panel_count() const { return static_cast<int64_t>(panels_.size()); }
  /// Some lines of one panel, a group of output channels that shares a run of packed weights. What `ahead` says comes
  /// in place of the next panel's weights.
  void run_lines(int64_t panel, int64_t image, int64_t line0, int64_t line1, const float* in, const float* packed,
                 float* out, const float* residual, FetchAhead ahead = {}) const;
  /// The same with the panel's weights and bias given.
  void run_panel(int64_t panel, int64_t image, int64_t line0, int64_t line1, const float* in, const float* weights,
                 const float* bias, float* out, const float* residual, FetchAhead ahead = {}) const;
  int64_t panel_first_channel(int64_t panel) const { return panels_[static_cast<size_t>(panel)].block * lanes(); }
  int64_t panel_channels(int64_t panel) const { return panels_[static_cast<size_t>(panel)].blocks * lanes(); }

 private:
  /// Output channels that share a run of packed weights.
  struct Panel {
    int64_t block, blocks;
    int64_t weights;  ///< where they begin
    bool half;        ///< the last block has at most half its channels
    size_t depth;     ///< which of depths_, if there are any
  };

  /// A place in the order of all work: before this panel of this line, lines being counted through all images.
  struct Cut {
    int64_t line, panel;
  };
  /// Where a run reads and writes.
  struct Pointers {
    const float *in, *packed;
    float* out;
    const float* residual;
  };

  int64_t lanes() const { return table_->lanes; }
  int64_t all_lines() const { return images * lines; }
  int64_t all_blocks() const { return divide_up(channels, lanes()); }
  const TileDepth& depth_of(const Panel& panel) const { return depths_.empty() ? depth : depths_[panel.depth]; }
  int64_t panel_floats(const Panel& panel) const { return panel.blocks * lanes() * depth_of(panel).floats(); }
  void make_panels(int64_t wall);
  Cut cut_lines(int64_t part, int64_t parts) const;
  Cut cut_channels(int64_t part, int64_t parts) const;
  int64_t nearest_panel(int64_t blocks) const;
  void run_lines_outer(Cut begin, Cut end, const Pointers& p) const;
  void run_channels_outer(Cut begin, Cut end, const Pointers& p) const;
  void run_band(int64_t panel, int64_t line0, int64_t line1, const Pointers& p, FetchAhead ahead = {}) const;
  FetchAhead input_of(int64_t line0, int64_t line1, int64_t panel, const float* in) const;
  int64_t rows_of(int64_t blocks) const;
  void run_tile(TileArgs& args, const Panel& panel, int64_t rows, bool two_lines) const;
  void run_edge_tile(TileArgs args, const Panel& panel, int64_t rows) const;

  const TileTable* table_ = nullptr;
  std::vector<Panel> panels_;
  std::vector<TileDepth> depths_;
  int64_t bias_at_ = 0;
};

}  // namespace kiln
