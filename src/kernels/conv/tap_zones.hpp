#pragma once

#include <vector>

#include "kernels/conv/conv_problem.hpp"

namespace kiln {

/// A run of outputs along an axis, and the taps of the kernel that they need: all others lie in the padding for them.
struct TapZone {
  int64_t begin, end;
  int64_t first_tap, last_tap;  ///< [first, last), which may be none
  bool operator==(const TapZone&) const = default;
};

/// The zones of all rows, and of all columns, of the output. Where leaving out padding would save little there is one
/// zone with all taps.
std::vector<TapZone> row_zones(const ConvProblem& problem);
std::vector<TapZone> column_zones(const ConvProblem& problem);

/// How much of all products is left in the zones.
double products_left(const ConvProblem& problem);

}  // namespace kiln
