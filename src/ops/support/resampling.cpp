#include "ops/support/resampling.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace kiln::ops {

namespace {

using Mode = Resampling::Mode;
using Nearest = Resampling::Nearest;
using Transform = Resampling::Transform;

[[noreturn]] void fail_value(const char* attribute, const std::string& value) {
  fail(ErrorCode::invalid_model, "attribute '{}' is '{}', which this version of the operator does not know", attribute,
       value);
}

Mode read_mode(const NodeView& node) {
  const std::string mode = node.attr_string("mode", "nearest");
  const bool first_upsample = node.schema().op->name == "Upsample" && node.version() == 1;
  if (mode == "nearest") return Mode::nearest;
  if (mode == (first_upsample ? "bilinear" : "linear")) return Mode::linear;
  const bool knows_cubic = node.schema().op->name == "Resize" && node.version() >= 11;
  if (mode == "cubic" && knows_cubic) return Mode::cubic;
  fail_value("mode", mode);
}

Nearest read_nearest(const NodeView& node) {
  const std::string mode = node.attr_string("nearest_mode", "round_prefer_floor");
  if (mode == "round_prefer_floor") return Nearest::round_prefer_floor;
  if (mode == "round_prefer_ceil") return Nearest::round_prefer_ceil;
  if (mode == "floor") return Nearest::floor;
  if (mode == "ceil") return Nearest::ceil;
  fail_value("nearest_mode", mode);
}

Transform read_transform(const NodeView& node) {
  const std::string mode = node.attr_string("coordinate_transformation_mode", "half_pixel");
  if (mode == "half_pixel") return Transform::half_pixel;
  if (mode == "half_pixel_symmetric" && node.version() >= 19) return Transform::half_pixel_symmetric;
  if (mode == "pytorch_half_pixel") return Transform::pytorch_half_pixel;
  if (mode == "align_corners") return Transform::align_corners;
  if (mode == "asymmetric") return Transform::asymmetric;
  if (mode == "tf_half_pixel_for_nn" && node.version() == 11) return Transform::tf_half_pixel_for_nn;
  if (mode == "tf_crop_and_resize") return Transform::tf_crop_and_resize;
  fail_value("coordinate_transformation_mode", mode);
}

/// Keys' cubic convolution kernel at a distance.
double cubic(double distance, double a) {
  const double x = std::fabs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

double triangle(double distance) { return std::max(0.0, 1 - std::fabs(distance)); }

int64_t nearest_index(const Resampling& how, const ResampledAxis& axis, double at) {
  const double floor = std::floor(at), fraction = at - floor;
  bool up = false;
  switch (how.nearest) {
    case Nearest::round_prefer_floor: up = fraction > 0.5; break;
    case Nearest::round_prefer_ceil: up = fraction >= 0.5; break;
    case Nearest::floor: break;
    case Nearest::ceil: up = fraction > 0; break;
    case Nearest::floor_up_ceil_down: up = fraction > 0 && axis.scale < 1; break;
  }
  const double index = floor + (up ? 1 : 0);
  return static_cast<int64_t>(std::clamp(index, 0.0, static_cast<double>(axis.input - 1)));
}

}  // namespace

Resampling Resampling::read(const NodeView& node) {
  Resampling how;
  how.mode = read_mode(node);
  if (node.schema().op->name == "Upsample" || node.version() < 11) {
    // The old versions leave the mapping open: x / scale, down when growing and up when shrinking, is what the
    // standard's tests of that time ask for.
    how.transform = Transform::asymmetric;
    how.nearest = Nearest::floor_up_ceil_down;
    return how;
  }
  how.transform = read_transform(node);
  how.nearest = read_nearest(node);
  how.antialias = node.attr_int("antialias", 0) != 0 && how.mode != Mode::nearest;
  how.exclude_outside = node.attr_int("exclude_outside", 0) != 0;
  how.cubic_a = static_cast<double>(node.attr_float("cubic_coeff_a", -0.75f));
  how.extrapolation = node.attr_float("extrapolation_value", 0.0f);
  return how;
}

double ResampledAxis::source(const Resampling& how, int64_t index) const {
  const auto x = static_cast<double>(index), extent = static_cast<double>(input);
  switch (how.transform) {
    case Transform::half_pixel: return (x + 0.5) / scale - 0.5;
    case Transform::half_pixel_symmetric:
      // The centers of the input and of the output as it is fall together.
      return extent / 2 * (1 - static_cast<double>(output) / length) + (x + 0.5) / scale - 0.5;
    case Transform::pytorch_half_pixel: return length == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case Transform::align_corners: return length == 1 ? 0 : x * (extent - 1) / (length - 1);
    case Transform::asymmetric:
      // In the old versions scales are what a float division makes of them.
      if (how.nearest == Nearest::floor_up_ceil_down) return static_cast<float>(index) / static_cast<float>(scale);
      return x / scale;
    case Transform::tf_half_pixel_for_nn: return (x + 0.5) / scale;
    case Transform::tf_crop_and_resize: {
      const double span = (roi_end - roi_start) * (extent - 1);
      return roi_start * (extent - 1) + (length == 1 ? span / 2 : x * span / (length - 1));
    }
  }
  return 0;
}

TapTable::TapTable(const Resampling& how, const ResampledAxis& axis) : taps(1) {
  if (axis.output == 0) return;
  const double shrink = how.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double reach = how.mode == Mode::cubic ? 2 : 1;
  if (how.mode != Mode::nearest) taps = 2 - 2 * static_cast<int64_t>(std::floor(-reach / shrink) + 1);
  const auto count = static_cast<size_t>(axis.output);
  outside.assign(count, 0);
  for (int64_t i = 0; i < axis.output; ++i) {
    const double at = axis.source(how, i), last = static_cast<double>(axis.input - 1);
    if (!std::isfinite(at)) fail(ErrorCode::invalid_argument, "the scale {} or the region gives no pixel", axis.scale);
    if (how.transform == Transform::tf_crop_and_resize) outside[static_cast<size_t>(i)] = at < 0 || at > last;
    if (how.mode == Mode::nearest) {
      indices.push_back(nearest_index(how, axis, at));
      continue;
    }
    // Far outside all taps fall on the same pixel.
    const double bounded = std::clamp(at, -4.0 * static_cast<double>(taps), last + 4.0 * static_cast<double>(taps));
    const auto first = static_cast<int64_t>(std::ceil(bounded)) - taps / 2;
    const size_t begin = weights.size();
    double sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const double distance = (static_cast<double>(first + tap) - bounded) * shrink;
      double weight = how.mode == Mode::cubic ? cubic(distance, how.cubic_a) : triangle(distance);
      if (how.exclude_outside && (first + tap < 0 || first + tap >= axis.input)) weight = 0;
      sum += weight;
      weights.push_back(weight);
      indices.push_back(std::clamp<int64_t>(first + tap, 0, axis.input - 1));
    }
    if ((how.antialias || how.exclude_outside) && sum != 0) {
      for (size_t k = begin; k < weights.size(); ++k) weights[k] /= sum;
    }
  }
}

}  // namespace kiln::ops
