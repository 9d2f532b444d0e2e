#include "vision/classify/probabilities.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kiln::vision {

std::vector<float> to_probabilities(std::span<const float> scores) {
  constexpr float least = std::numeric_limits<float>::lowest(), most = std::numeric_limits<float>::max();
  std::vector<float> values(scores.begin(), scores.end());
  double sum = 0;
  bool positive = true;
  for (float& value : values) {
    value = std::isnan(value) ? least : std::clamp(value, least, most);
    positive = positive && value >= 0;
    sum += value;
  }
  if (positive && std::abs(sum - 1) < 1e-2) return values;
  const float top = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  sum = 0;
  for (float& value : values) {
    value = std::exp(value - top);
    sum += value;
  }
  for (float& value : values) value = static_cast<float>(value / sum);
  return values;
}

}  // namespace kiln::vision
