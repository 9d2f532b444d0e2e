#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/reduce/reduce_table.hpp"

namespace kiln {

enum class Reduction : uint8_t { sum, mean, l1, l2, sum_square, log_sum, log_sum_exp, max, min, prod };

struct ReducePointers {
  const float* in;
  float* out;
};

/// reduce_f32: any axes of a plain tensor gathered to one number.
class Reduce {
 public:
  /// `reduced` says it for each axis of the shape. Fails with Error(unsupported) where there is nothing to gather.
  Reduce(Reduction reduction, std::span<const int64_t> shape, const std::vector<bool>& reduced, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ReducePointers& p, float* scratch) const;

 private:
  struct Axis {
    int64_t extent, stride;
  };
  /// Where index `index` lies along some axes.
  static int64_t offset_of(const std::vector<Axis>& axes, int64_t index);
  double row_total(Fold fold, const float* in, float shift) const;
  void column_totals(Fold fold, const float* in, int64_t width, const float* shifts, float* totals) const;
  void run_rows(int64_t part, int64_t parts, const ReducePointers& p) const;
  void run_columns(int64_t part, int64_t parts, const ReducePointers& p) const;
  float result(double total, double shift) const;

  Reduction reduction_;
  Isa isa_;
  Fold fold_;
  const ReduceTable* table_;
  std::vector<Axis> kept_;   ///< outermost first, without the innermost axis
  std::vector<Axis> outer_;  ///< gathered axes but for the innermost
  Axis gathered_{1, 1};      ///< the innermost gathered axis
  int64_t width_ = 0;        ///< of the innermost axis where it is kept; 0 where it is gathered
  int64_t rows_ = 1;         ///< product of kept_
  int64_t outer_runs_ = 1;   ///< product of outer_
  int64_t count_ = 1;        ///< numbers gathered to one
};

}  // namespace kiln
