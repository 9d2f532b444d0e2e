#pragma once

#include <cstdint>

#include "kiln/vision/preprocess.hpp"
#include "vision/pixels/pixel_table.hpp"

namespace kiln::vision {

/// For each colour of the result, which of the picture's it is and how its levels become values.
struct Normalisation {
  std::array<int64_t, 3> channel;
  std::array<float, 3> scale, bias;

  explicit Normalisation(const InputFormat& format);
  /// For pixels whose values begin at `out`, in planes so many floats apart.
  Planes planes(float* out, int64_t plane) const;
};

/// The floats of picture `index` of a batch, which must be f32 and [n, 3, height, width].
float* planes_of(Tensor& batch, int64_t index, const InputFormat& format);

}  // namespace kiln::vision
