#include "vision/pose/decode.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace kiln::vision {

namespace {

/// A map that is 0 around its border.
struct HeatMap {
  const float* levels;
  int64_t height, width;

  float at(int64_t y, int64_t x) const {
    return x < 0 || y < 0 || x >= width || y >= height ? 0 : levels[y * width + x];
  }
};

float sign(float value) { return value > 0 ? 1.0f : value < 0 ? -1.0f : 0.0f; }

/// Weights of a Gaussian of deviation 2 over 11 pixels.
std::array<double, 11> gaussian() {
  std::array<double, 11> weights;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double away = static_cast<double>(i) - 5;
    weights[i] = std::exp(-away * away / 8);
    sum += weights[i];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// Logarithms of the smoothed levels of the 5 by 5 pixels around a place.
class SmoothPatch {
 public:
  SmoothPatch(const HeatMap& map, int64_t x, int64_t y) {
    static const std::array<double, 11> weights = gaussian();
    double across[15][5];
    for (int64_t j = 0; j < 15; ++j) {
      for (int64_t i = 0; i < 5; ++i) {
        double sum = 0;
        for (int64_t k = 0; k < 11; ++k) {
          sum += weights[static_cast<size_t>(k)] * map.at(y + j - 7, x + i - 2 + k - 5);
        }
        across[j][i] = sum;
      }
    }
    for (size_t j = 0; j < 5; ++j) {
      for (size_t i = 0; i < 5; ++i) {
        double sum = 0;
        for (size_t k = 0; k < 11; ++k) sum += weights[k] * across[j + k][i];
        logs_[j][i] = std::log(std::max(sum, 1e-10));
      }
    }
  }
  double at(int dy, int dx) const { return logs_[dy + 2][dx + 2]; }

 private:
  double logs_[5][5];
};

/// One step of Newton's way to the top.
void refine_by_taylor(const HeatMap& map, int64_t x, int64_t y, Joint& joint) {
  if (x < 2 || y < 2 || x + 2 >= map.width || y + 2 >= map.height) return;
  const SmoothPatch patch(map, x, y);
  const double dx = (patch.at(0, 1) - patch.at(0, -1)) / 2, dy = (patch.at(1, 0) - patch.at(-1, 0)) / 2;
  const double dxx = (patch.at(0, 2) - 2 * patch.at(0, 0) + patch.at(0, -2)) / 4;
  const double dyy = (patch.at(2, 0) - 2 * patch.at(0, 0) + patch.at(-2, 0)) / 4;
  const double dxy = (patch.at(1, 1) - patch.at(-1, 1) - patch.at(1, -1) + patch.at(-1, -1)) / 4;
  const double determinant = dxx * dyy - dxy * dxy;
  if (!(std::abs(determinant) > 1e-12)) return;
  const double right = -(dyy * dx - dxy * dy) / determinant, below = -(dxx * dy - dxy * dx) / determinant;
  // The top of another hill is none of this one.
  if (!(std::abs(right) <= 2 && std::abs(below) <= 2)) return;
  joint.x += static_cast<float>(right);
  joint.y += static_cast<float>(below);
}

void refine_by_quarter(const HeatMap& map, int64_t x, int64_t y, Joint& joint) {
  if (x >= 1 && x + 1 < map.width) joint.x += 0.25f * sign(map.at(y, x + 1) - map.at(y, x - 1));
  if (y >= 1 && y + 1 < map.height) joint.y += 0.25f * sign(map.at(y + 1, x) - map.at(y - 1, x));
}

AxisPeak peak_of(const float* scores, int64_t count) {
  AxisPeak peak{0, scores[0]};
  for (int64_t i = 1; i < count; ++i) {
    if (scores[i] > peak.score || std::isnan(peak.score)) peak = {i, scores[i]};
  }
  return peak;
}

}  // namespace

std::vector<Joint> decode_heat_maps(const float* maps, int64_t joints, int64_t height, int64_t width,
                                    Refinement refinement) {
  std::vector<Joint> result;
  for (int64_t k = 0; k < joints; ++k) {
    const HeatMap map{maps + k * height * width, height, width};
    const AxisPeak peak = peak_of(map.levels, height * width);
    const int64_t x = peak.index % width, y = peak.index / width;
    Joint joint{.x = static_cast<float>(x), .y = static_cast<float>(y), .score = peak.score};
    if (refinement == Refinement::quarter) refine_by_quarter(map, x, y, joint);
    if (refinement == Refinement::taylor) refine_by_taylor(map, x, y, joint);
    result.push_back(joint);
  }
  return result;
}

std::vector<AxisPeak> decode_axis(const float* scores, int64_t joints, int64_t count) {
  std::vector<AxisPeak> peaks;
  for (int64_t k = 0; k < joints; ++k) peaks.push_back(peak_of(scores + k * count, count));
  return peaks;
}

}  // namespace kiln::vision
