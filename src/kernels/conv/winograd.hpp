#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/conv/winograd_table.hpp"
#include "kernels/conv/winograd_tiles.hpp"
#include "kernels/paired/paired_blocks.hpp"

namespace kiln {

struct WinogradTuning {
  int size = 4;                 ///< output pixels along a side of a tile: 2, 4 or 6, at stride 2 3, 4 or 5
  int blocks = 2;               ///< channel blocks of a register tile
  int64_t tiles = 28;           ///< tiles that go through all steps together
  bool split_channels = false;  ///< parts take all batches of tiles and split the output channels
  bool prefetch_weights = false;
  /// Weights are packed as they are and transformed in the run, for each batch: fewer bytes to keep and to read. Parts
  /// split the output channels.
  bool fresh_weights = false;
  /// Products are made in pairs (kernels/paired).
  bool paired = false;

  bool operator==(const WinogradTuning&) const = default;
};

/// conv_f32_winograd{2,4,6}x3 and, at stride 2, conv_f32_winograd{3,4,5}x3s2: 3 x 3 convolutions between blocked
/// tensors, with fewer multiplications. Pads need no halo, though one saves time. Errors over the root mean square of
/// the output: about 1e-6 for a size of 2, 3e-6 for 4, 1e-5 for 6; at stride 2, 5e-7 for 3, 1e-6 for 4, 3e-6 for 5.
/// Products in pairs make them larger by half.
class WinogradConv {
 public:
  /// Fails with Error(unsupported) for other kernels, strides, dilations and groups.
  WinogradConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
               const WinogradTuning& tuning, int64_t parts);

  static WinogradTuning default_tuning(const ConvProblem& problem);
  /// Planes of weights, and planes of a tile: as many at stride 1.
  static int64_t weight_planes(int64_t size) { return (size + 2) * (size + 2); }
  static int64_t tile_planes(int64_t size, int64_t stride);
  std::string name() const;
  int64_t packed_floats() const;
  /// Weights as ONNX has them [out][in][3][3]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const;
  /// One for each batch of tiles when channels are split, two where parts share the inputs that one of them transforms:
  /// all parts must end one before any begins the next.
  int64_t phases() const { return tuning_.split_channels ? (shares_inputs_ ? 2 : 1) * tiles_.batches : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  using Span = WinogradTiles::Span;
  int64_t biases_at() const;
  /// Of paired products, what is kept for each column: [plane of weights][2][output channels]; then the sizes of fresh
  /// weights in each plane.
  int64_t columns_at() const { return biases_at() + out_blocks_ * out_.block; }
  int64_t sizes_at() const { return columns_at() + 2 * weight_planes(tuning_.size) * out_blocks_ * out_.block; }
  /// Output channel blocks of a panel of weights.
  int64_t panel_blocks(int64_t panel) const;
  /// Whether the upper half of its last block is padding.
  bool is_half(int64_t panel) const {
    return panel + 1 == panels_ && out_blocks_ * out_.block - problem_.channels_out >= out_.block / 2;
  }
  void transform_input(const float* in, Span tiles, int64_t block0, int64_t block1, float* inputs) const;
  void multiply(const float* packed, Span tiles, int64_t panel0, int64_t panel1, const float* inputs, float* products,
                WinogradAhead* ahead) const;
  void pair_up(float* packed) const;
  void pair_up_fresh(float* packed) const;
  void make_ready(const float* packed, int64_t weight_plane, PartRange tiles, float* inputs) const;
  void multiply_ready(PairedTileArgs& a, int64_t blocks, int64_t count, const float* in, const float* starts,
                      float* products, WinogradAhead* ahead) const;
  void multiply_pairs(const float* packed, Span tiles, int64_t panel0, int64_t panel1, float* inputs, float* products,
                      WinogradAhead* ahead) const;
  void multiply_fresh(const float* packed, Span tiles, int64_t panel, bool last, const float* inputs, float* fresh,
                      float* products) const;
  void multiply_planes(TileArgs& a, int64_t weight_plane, Span tiles, int64_t panel, const float* inputs,
                       float* products, WinogradAhead* ahead) const;
  void finish_panels(const ConvPointers& p, Span tiles, PartRange panels, float* inputs, float* products, float* fresh,
                     WinogradAhead* ahead) const;
  void run_batch(int64_t index, bool is_last, PartRange panels, const ConvPointers& p, float* scratch) const;
  void transform_output(const ConvPointers& p, Span tiles, int64_t block0, int64_t block1, const float* products) const;

  ConvProblem problem_;
  BlockedLayout in_, out_;
  WinogradTuning tuning_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const TileTable* table_;
  const PairedBlocksTable* paired_;
  const WinogradTable* steps_;
  WinogradTiles tiles_;
  int64_t edge_, planes_;  ///< pixels along the side of a tile's input; its planes
  int64_t in_blocks_, out_blocks_, panels_;
  int64_t chunk_blocks_;                 ///< input channel blocks whose weights are transformed together
  int64_t input_plane_, product_plane_;  ///< floats from one plane to the next
  bool shares_inputs_;
  /// Products take the place of the inputs of the plane before, so that more of both stays in L2.
  bool in_place_;
  int64_t starts_at_, starts_;  ///< of paired products: where the starts of a plane's tiles are, and floats of them
  int64_t fresh_plane_;
  bool prefetches_pixels_;
  std::vector<ptrdiff_t> offsets_;
  /// Planes of tiles in the order of the planes of weights that they are multiplied by, and where those begin.
  std::vector<int64_t> order_, order_begins_;
};

}  // namespace kiln
