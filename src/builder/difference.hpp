#pragma once

#include <cstdint>
#include <string>

#include "kiln/tensor.hpp"

namespace kiln {

/// How far a number may be from what it should be: the sum of the three.
struct Tolerance {
  double of_largest = 0;  ///< of the largest magnitude among the expected numbers
  double relative = 0;    ///< of its own expected magnitude
  double absolute = 0;
};

/// How far an answer is from the expected one.
struct Difference {
  std::string mismatch;  ///< "f32[1,4] instead of f32[1,3]": all else is zero then
  int64_t elements = 0;
  int64_t differing = 0;    ///< elements that are not equal; NaN equals NaN
  int64_t over = 0;         ///< and by more than the tolerance; integers, booleans and strings have none
  double max_absolute = 0;  ///< infinite where one of two is infinite or NaN
  double mean_absolute = 0;
  double max_relative = 0;  ///< to the expected magnitude, where that is not 0
  double mean_relative = 0;
  double largest = 0;  ///< magnitude among the expected numbers

  bool within() const { return mismatch.empty() && over == 0; }
  double of_largest() const { return max_absolute == 0 ? 0 : max_absolute / (largest > 1e-6 ? largest : 1e-6); }
};

/// Values of any kind: of a sequence or map, all that it holds counts.
Difference difference(const Value& expected, const Value& found, const Tolerance& tolerance);

}  // namespace kiln
