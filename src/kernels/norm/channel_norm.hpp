#pragma once

#include <string>

#include "kernels/layout.hpp"
#include "kernels/norm/norm_table.hpp"

namespace kiln {

/// A plain tensor [n][c][span], or the layouts of a blocked input and output of the same size.
struct ChannelNormTensors {
  ChannelNormTensors(int64_t n, int64_t c, int64_t span);
  ChannelNormTensors(const BlockedLayout& in, const BlockedLayout& out, Isa isa);

  bool blocked;
  int64_t n, c, span;
  BlockedLayout in, out;
  /// Channels as parameters are packed, for either format: padded to whole blocks.
  int64_t stored_channels(Isa isa) const { return divide_up(c, block_of(isa)) * block_of(isa); }
};

struct ChannelNormPointers {
  const float* in;
  const float* packed;
  float* out;
};

/// norm_f32_batch: BatchNormalization with known statistics; may work in place.
class BatchNorm {
 public:
  BatchNorm(const ChannelNormTensors& tensors, Isa isa);

  std::string name() const;
  int64_t packed_floats() const { return 3 * tensors_.stored_channels(isa_); }
  /// A number for each channel in each.
  void pack(const float* scale, const float* bias, const float* mean, const float* variance, float epsilon,
            float* packed) const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ChannelNormPointers& p, float* scratch) const;

 private:
  ChannelNormTensors tensors_;
  Isa isa_;
  const NormTable* table_;
};

/// norm_f32_group: GroupNormalization, and InstanceNormalization as groups of one channel; may work in place.
class GroupNorm {
 public:
  GroupNorm(const ChannelNormTensors& tensors, int64_t groups, float epsilon, Isa isa);

  std::string name() const;
  int64_t packed_floats() const { return 2 * tensors_.stored_channels(isa_); }
  /// A number for each channel in each.
  void pack(const float* scale, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const;
  int64_t phases() const { return shares_statistics_ ? 2 : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ChannelNormPointers& p, float* scratch) const;

 private:
  /// What is known of the group that was worked on last, counted through all images.
  struct Known {
    int64_t group = -1;
    double mean = 0, deviation = 0;
  };

  void run_plain(int64_t part, int64_t parts, const ChannelNormPointers& p) const;
  void run_pieces(int64_t phase, int64_t part, int64_t parts, const ChannelNormPointers& p, float* scratch) const;
  /// `statistics` are those of `first_block` on: per block of channels the means, then the squares.
  void normalize_block(int64_t image, int64_t block, const float* statistics, int64_t first_block,
                       const ChannelNormPointers& p, Known& known) const;
  /// A channel of an image of a plain tensor.
  void normalize_row(int64_t row, const Known& known, const ChannelNormPointers& p) const;
  double deviation_of(const Deviations& of) const;
  int64_t pieces() const;  ///< of a plain group
  BlockNormArgs block_args(int64_t image, int64_t block, const ChannelNormPointers& p) const;

  ChannelNormTensors tensors_;
  int64_t groups_;
  float epsilon_;
  Isa isa_;
  const NormTable* table_;
  /// A group lies in several blocks, or several parts work on a plain group: all of its statistics come first.
  bool shares_statistics_;
};

}  // namespace kiln
