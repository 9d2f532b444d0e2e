#include <algorithm>
#include <array>
#include <cmath>

#include "vision/pixels/pixel_table.hpp"

namespace kiln::vision {

namespace {

/// Of the four neighbours of a place that lies x beyond the second, with OpenCV's a.
std::array<double, 4> weights_at(double x) {
  constexpr double a = -0.75;
  const double first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
  const double second = ((a + 2) * x - (a + 3)) * x * x + 1;
  const double third = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
  return {first, second, third, 1 - first - second - third};
}

struct CubicWeights {
  std::array<int16_t, 4 * cubic_steps> values;

  CubicWeights() : values() {
    for (size_t place = 0; place < cubic_steps; ++place) {
      const auto exact = weights_at(static_cast<double>(place) / cubic_steps);
      int16_t* const weights = values.data() + 4 * place;
      int rest = 1 << cubic_bits;
      for (size_t i = 0; i < 4; ++i) {
        weights[i] = static_cast<int16_t>(std::lrint(exact[i] * (1 << cubic_bits)));
        rest -= weights[i];
      }
      // What rounding leaves goes to the largest, so that an even ground stays as it is.
      *std::max_element(weights, weights + 4) += static_cast<int16_t>(rest);
    }
  }
};

}  // namespace

const int16_t* cubic_weights() {
  static const CubicWeights weights;
  return weights.values.data();
}

}  // namespace kiln::vision
