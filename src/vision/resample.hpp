#pragma once

#include <cstdint>
#include <vector>

#include "kiln/vision/preprocess.hpp"

namespace kiln::vision {

/// What each index of an axis is made of: two neighbours and their weights, of 2048.
struct AxisTaps {
  std::vector<int64_t> first;
  std::vector<int32_t> first_weight, second_weight;

  AxisTaps(int64_t from, int64_t to);
};

/// For each colour of the result, which of the picture's it is and how its levels become values.
struct Normalisation {
  std::array<int64_t, 3> channel;
  std::array<float, 3> scale, bias;

  explicit Normalisation(const InputFormat& format);
};

/// The floats of picture `index` of a batch, which must be f32 and [n, 3, height, width].
float* planes_of(Tensor& batch, int64_t index, const InputFormat& format);

}  // namespace kiln::vision
