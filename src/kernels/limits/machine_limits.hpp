#pragma once

#include "base/isa.hpp"

namespace kiln {

/// What no kernel can go beyond.
struct MachineLimits {
  double flops = 0;  ///< operations a second in f32; a multiply-add is two
  double bytes = 0;  ///< that can be read from main memory in a second

  /// Seconds that so much must take where both go on side by side.
  double seconds(double of_flops, double of_bytes) const;
};

/// Measured with so many threads, for some tens of milliseconds, when it is first asked for; then the process knows.
const MachineLimits& machine_limits(Isa isa, int threads);

}  // namespace kiln
