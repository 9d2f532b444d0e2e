#pragma once

#include <cstdint>
#include <vector>

#include "kiln/vision/ocr.hpp"

namespace kiln::vision {

/// Boxes around the text in a detector's map [height, width] of a picture, in the picture's pixels: the post-processing
/// of DB ("differentiable binarization").
std::vector<Quad> find_text_boxes(const float* map, int64_t width, int64_t height, int64_t picture_width,
                                  int64_t picture_height, const OcrOptions& options);

/// Puts boxes into the order in which they are read.
void sort_for_reading(std::vector<Quad>& boxes);

}  // namespace kiln::vision
