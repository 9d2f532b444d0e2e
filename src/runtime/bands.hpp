#pragma once

#include <span>
#include <vector>

#include "tactics/tactic.hpp"

namespace kiln {

/// A step of a region, which is done band by band of rows, as far as rows go.
struct BandedOp {
  RowRule rule;
  int64_t meeting = 1;                ///< the multiple of its rows at which parts meet, where it is there as a whole
  int64_t height = 1, in_height = 1;  ///< rows of the output, and of input 0
  int tensor = 0;                     ///< that it writes
  bool first_writer = true;           ///< of that tensor
  bool needs_all = false;             ///< all its rows must be made, whoever reads them
  // What it reads around its rows (input 0), and what at its own rows: tensors of the region, -1 for those from before
  // it, and the ops that make just the part that is read.
  int around = -1;
  std::vector<int> around_makers;
  std::vector<int> beside, beside_makers;
};

/// A tensor that ops of a region write.
struct BandedTensor {
  int64_t height = 1, halo = 0;
  bool rolls = true;  ///< only some rows exist at a time; false: it is there as a whole
  int memory = 0;     ///< the tensor in whose place it rolls; itself otherwise
};

struct RowSpan {
  int64_t first = 0, end = 0;
  bool is_empty() const { return first >= end; }
};

/// How far a part comes in each band: the rows of the tallest of all that it makes whole. Others keep up with it, so
/// that what several of them read is not waited for. Before the first of these rows come bands in which only those who
/// must be ahead go on, at the same pace: no band makes many more rows of anything than another.
struct Pace {
  int64_t first = 0, step = 1, height = 1;
  int64_t bands = 1;  ///< with those before
};

/// Which rows of what are made when. Each part has rows of its own of all tensors that are there as a whole, goes
/// through them in `bands` bands, and makes on the way the rows of rolling tensors that these need: at the borders
/// between parts they are made twice.
class Bands {
 public:
  Bands(std::vector<BandedOp> ops, std::vector<BandedTensor> tensors) : ops_(std::move(ops)), tensors_(tensors) {}

  /// The rows that a part makes, op by op.
  std::vector<RowSpan> rows_of(int64_t part, int64_t parts) const;
  /// Whether no two parts write the same rows of a tensor that is there as a whole.
  bool can_divide(int64_t parts) const;
  /// Up to which row each op has come after a band; the last band comes to the end.
  void rows_after(const std::vector<RowSpan>& rows, const Pace& pace, int64_t band, std::span<int64_t> ends) const;
  /// With so many bands from the first row on that the tallest makes, and without those before.
  Pace pace_of(const std::vector<RowSpan>& rows, int64_t bands) const;
  /// The same with those before.
  Pace whole_pace_of(const std::vector<RowSpan>& rows, int64_t bands) const;
  /// The rows of each tensor, and of those that take its place, that must be there while the ops go from `from` to
  /// `to`, with those of its halo; none where nobody makes any.
  void rows_at_hand(const std::vector<RowSpan>& rows, std::span<const int64_t> from, std::span<const int64_t> to,
                    std::span<RowSpan> spans) const;

  const std::vector<BandedOp>& ops() const { return ops_; }
  const std::vector<BandedTensor>& tensors() const { return tensors_; }
  std::vector<BandedOp>& ops() { return ops_; }
  std::vector<BandedTensor>& tensors() { return tensors_; }

 private:
  bool is_wanted_whole(const BandedOp& op) const;
  int64_t multiple_of(const BandedOp& op) const { return is_wanted_whole(op) ? op.meeting : op.rule.multiple; }
  int64_t aligned(const BandedOp& op, int64_t end) const;

  std::vector<BandedOp> ops_;
  std::vector<BandedTensor> tensors_;
};

}  // namespace kiln
