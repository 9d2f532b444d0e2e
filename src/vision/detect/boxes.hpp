#pragma once

#include <cstdint>
#include <vector>

#include "kiln/tensor.hpp"
#include "kiln/vision/detector.hpp"

namespace kiln::vision {

/// How a network's output lists boxes.
enum class BoxLayout : uint8_t {
  rows_with_objectness,  ///< YOLOv5: a row for each box of centre, size, objectness and classes
  columns,               ///< YOLOv8: a column for each box of centre, size and classes
  finished,              ///< a row for each box of corners, score and class, overlapping ones left out
};
/// Told by the shape, [1, n, m]; fails where it is none of these.
BoxLayout box_layout(const Shape& shape);

/// The boxes whose score is above the threshold, in the network's pixels, each of its best class. `classes` is how many
/// the model names, 0 where it names none; a different number in the output is an Error.
std::vector<Detection> read_boxes(const Tensor& output, float score_threshold, int64_t classes);

/// The boxes that stay when each, the best first, takes away those that overlap it more than `overlap`; at most `most`.
std::vector<Detection> suppress(std::vector<Detection> boxes, float overlap, bool agnostic, int64_t most);

/// The values of {0: 'person', 1: "it's"}, as Python writes it, by their keys.
std::vector<std::string> parse_names(const std::string& text);

}  // namespace kiln::vision
