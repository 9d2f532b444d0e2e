#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/conv/winograd_table.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln {

struct WinogradTuning {
  int size = 4;                 ///< output pixels along a side of a tile: 2, 4 or 6
  int blocks = 2;               ///< channel blocks of a register tile
  int64_t tiles = 28;           ///< tiles of an image that go through all steps together
  bool split_channels = false;  ///< parts share each batch of tiles and split its output channels
  bool prefetch_weights = false;

  bool operator==(const WinogradTuning&) const = default;
};

/// conv_f32_winograd{2,4,6}x3: 3 x 3 convolutions of stride 1 between blocked tensors, with fewer multiplications.
/// Pads of up to 2 need no halo, though one saves time. Relative errors: about 1e-6 for 2, 3e-6 for 4, 1e-5 for 6.
class WinogradConv {
 public:
  /// Fails with Error(unsupported) for other kernels, strides, dilations and groups.
  WinogradConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
               const WinogradTuning& tuning, int64_t parts);

  static WinogradTuning default_tuning(const ConvProblem& problem);
  std::string name() const;
  int64_t packed_floats() const;
  /// Weights as ONNX has them [out][in][3][3]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const;
  /// Two for each batch of tiles when channels are split: all parts must end one before any begins the next.
  int64_t phases() const { return tuning_.split_channels ? 2 * batches_ : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  struct TileSpan {
    int64_t first, count;
  };
  TileSpan batch(int64_t index) const;
  void transform_input(const float* in, TileSpan tiles, int64_t block0, int64_t block1, float* inputs) const;
  void multiply(const float* packed, TileSpan tiles, int64_t panel0, int64_t panel1, const float* inputs,
                float* products) const;
  void transform_output(const ConvPointers& p, TileSpan tiles, int64_t block0, int64_t block1,
                        const float* products) const;

  ConvProblem problem_;
  BlockedLayout in_, out_;
  WinogradTuning tuning_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const TileTable* tiles_;
  const WinogradTable* steps_;
  int64_t edge_, planes_;  ///< edge_: size + 2; planes_: its square
  int64_t tiles_y_, tiles_x_, tile_count_, batches_;
  int64_t in_blocks_, out_blocks_, panels_;
  int64_t input_plane_, product_plane_;  ///< floats from one plane to the next
  std::vector<ptrdiff_t> offsets_;
};

}  // namespace kiln
