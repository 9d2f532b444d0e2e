#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/conv/winograd_table.hpp"
#include "kernels/conv/winograd_tiles.hpp"

namespace kiln {

struct TransposedWinogradTuning {
  int size = 5;                 ///< output pixels of one residue along a side of a tile: 3 or 5
  int blocks = 2;               ///< channel blocks of a register tile
  int64_t tiles = 36;           ///< tiles that go through all steps together
  int residues = 4;             ///< residues whose products are made together: 1, 2 or 4
  bool split_channels = false;  ///< parts share each batch of tiles and split its output channels
  bool prefetch_weights = false;
  /// Weights are packed as they are and transformed in the run, for each batch: fewer bytes to keep and to read. Parts
  /// split the output channels.
  bool fresh_weights = false;

  bool operator==(const TransposedWinogradTuning&) const = default;
};

/// conv_f32_transposed_winograd{3,5}x2: transposed convolutions of stride 2 with kernels of 3 or 4, between blocked
/// tensors. Counted from the first, unpadded row on, output 2 q + s is kernel[s] x[q] + kernel[s + 2] x[q - 1]: each of
/// the four residues (s of row and column) is a 2 x 2 convolution, and all four read the same tiles of the input, which
/// are transformed once. Errors over the root mean square of the output, at 256 channels: 5e-7 for size 3 (3e-6 at
/// worst), 3e-6 for 5 (6e-5 at worst).
class TransposedWinogradConv {
 public:
  /// Fails with Error(unsupported) for other kernels and strides, for dilations and groups.
  TransposedWinogradConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                         const TransposedWinogradTuning& tuning, int64_t parts);

  static TransposedWinogradTuning default_tuning(const ConvProblem& problem);
  std::string name() const;
  int64_t packed_floats() const;
  /// Weights as ONNX has them [in][out][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const;
  /// Two for each batch of tiles when channels are split: all parts must end one before any begins the next.
  int64_t phases() const { return tuning_.split_channels ? 2 * tiles_.batches : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  using Span = WinogradTiles::Span;
  /// Output channels and residues whose products are made together.
  struct Job {
    int64_t block, blocks, residue, weights;  ///< weights: where they begin
    bool half;                                ///< the upper half of the last block is padding
  };
  int64_t biases_at() const;
  Job job(int64_t index) const;
  void transform_input(const float* in, Span tiles, int64_t index0, int64_t index1, float* inputs) const;
  void multiply(const float* packed, Span tiles, const Job& job, bool last, const float* inputs, float* products) const;
  void multiply_fresh(const float* packed, Span tiles, const Job& job, bool last, const float* inputs, float* fresh,
                      float* products) const;
  void transform_output(const ConvPointers& p, Span tiles, const Job& job, const float* products) const;

  ConvProblem problem_;
  BlockedLayout in_, out_;
  TransposedWinogradTuning tuning_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const TileTable* table_;
  const WinogradTable* steps_;
  WinogradTiles tiles_;
  int64_t edge_, planes_;      ///< edge_: size + 1; planes_: its square
  int64_t first_y_, first_x_;  ///< q of the first output
  int64_t jobs_, in_blocks_, out_blocks_;
  int64_t chunk_blocks_;                               ///< input channel blocks whose weights are transformed together
  int64_t input_plane_, product_plane_, fresh_plane_;  ///< floats from one plane to the next
  std::vector<ptrdiff_t> offsets_;
};

}  // namespace kiln
