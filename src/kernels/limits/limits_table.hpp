#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// What limits every kernel, as loops that do nothing else.
struct LimitsTable {
  int64_t flops_a_round;  ///< of multiply_adds; a multiply-add is two
  /// So many rounds of multiply-adds in registers, in chains enough to hide how long one takes. `xs` are two numbers.
  float (*multiply_adds)(const float* xs, int64_t rounds);
  /// Reads n numbers in order, n a multiple of a hundred and twenty-eight, and returns their sum.
  float (*read)(const float* from, int64_t n);
};

}  // namespace kiln
