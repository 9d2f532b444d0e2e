#pragma once

#include <cstdint>
#include <vector>

#include "kiln/tensor.hpp"
#include "kiln/vision/segmenter.hpp"

namespace kiln::vision {

/// Where the pixels of a picture lie in a network's map, on one axis: the pixel before, the one after, and how far it
/// is from the first to the second.
struct MapTaps {
  std::vector<int64_t> first, second;
  std::vector<float> part;

  /// Pixel i lies at (i + 0.5) * scale + offset - 0.5, clamped to the map.
  MapTaps(int64_t pixels, double scale, double offset, int64_t map_size);
};

/// For every pixel the class whose scores [classes, height, width], mixed bilinearly there, are the best. Of one class,
/// whether its score is above the threshold: a probability where all scores are from 0 to 1, else by its sigmoid.
void best_classes(const float* scores, int64_t classes, int64_t height, int64_t width, const MapTaps& rows,
                  const MapTaps& columns, float threshold, Segmentation& result);

/// The nearest of [height, width] classes; those below 0 or above 65535 are 0.
void nearest_classes(const Tensor& classes, int64_t height, int64_t width, const MapTaps& rows, const MapTaps& columns,
                     Segmentation& result);

}  // namespace kiln::vision
