#pragma once

#include <cstdint>
#include <vector>

#include "kiln/tensor.hpp"
#include "kiln/vision/detector.hpp"

namespace kiln::vision {

/// Classes above it are none.
inline constexpr int64_t most_class = 1000000;

/// How a network's output lists boxes.
enum class BoxLayout : uint8_t {
  rows_with_objectness,  ///< YOLOv5: a row for each box of centre, size, objectness and classes
  rows,                  ///< RT-DETR as ultralytics has it: a row of centre, size and classes
  columns,               ///< YOLOv8: a column for each box of centre, size and classes
  finished,              ///< a row for each box of corners, score and class, overlapping ones left out
};
/// Told by the shape, [1, n, m], and by how many classes are named (0: nobody knows); fails where it is none of these.
BoxLayout box_layout(const Shape& shape, int64_t classes);

/// The boxes whose score is above the threshold, in the network's pixels, each of its best class. `classes` is how many
/// the model names, 0 where it names none; a different number in the output is an Error. Sides that are parts of the
/// picture are multiplied by `width` and `height`, in rows without objectness.
std::vector<Detection> read_boxes(const Tensor& output, float score_threshold, int64_t classes, int64_t width = 1,
                                  int64_t height = 1);

/// The boxes that stay when each, the best first, takes away those that overlap it more than `overlap`; at most `most`.
std::vector<Detection> suppress(const std::vector<Detection>& boxes, float overlap, bool agnostic, int64_t most);

Detection box_around(float x, float y, float width, float height, float score, int64_t class_index);

/// Fails unless as many classes are named as there are, or none is.
void require_classes(int64_t found, int64_t named, const Shape& shape);

}  // namespace kiln::vision
