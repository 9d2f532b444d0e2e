#pragma once

#include <string>
#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

/// How Resize maps and weighs pixels, from a node's attributes.
struct Resampling {
  enum class Mode : uint8_t { nearest, linear, cubic };
  enum class Nearest : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil, floor_up_ceil_down };
  enum class Transform : uint8_t {
    half_pixel,
    half_pixel_symmetric,
    pytorch_half_pixel,
    align_corners,
    asymmetric,
    tf_half_pixel_for_nn,
    tf_crop_and_resize,
  };

  Mode mode = Mode::nearest;
  Nearest nearest = Nearest::round_prefer_floor;
  Transform transform = Transform::half_pixel;
  bool antialias = false;
  bool exclude_outside = false;
  double cubic_a = -0.75;
  float extrapolation = 0;

  /// Of a Resize or an Upsample of any version; fails on what ONNX does not know.
  static Resampling read(const NodeView& node);
};

/// One axis to resize.
struct ResampledAxis {
  int64_t input = 0, output = 0;
  double scale = 1;
  double length = 0;                  ///< scale * input: the output's extent before it was rounded
  double roi_start = 0, roi_end = 1;  ///< for tf_crop_and_resize

  /// Where an output index lies in the input.
  double source(const Resampling& how, int64_t index) const;
  bool is_identity() const { return input == output && scale == 1 && roi_start == 0 && roi_end == 1; }
};

/// What each output index of an axis is made of: `taps` elements of the input and their weights.
struct TapTable {
  TapTable(const Resampling& how, const ResampledAxis& axis);

  int64_t taps;
  std::vector<int64_t> indices;  ///< of all output indices, tap by tap; all inside the input
  std::vector<double> weights;   ///< none for Mode::nearest, which has one tap
  std::vector<uint8_t> outside;  ///< 1 where the extrapolation value is taken
};

}  // namespace kiln::ops
