#include "vision/detect/boxes.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace kiln::vision {

namespace {

constexpr int64_t fewest_columns_of_a_box = 5;

Detection box_in(const float* centre, int64_t stride, float score, int64_t class_index) {
  return box_around(centre[0], centre[stride], centre[2 * stride], centre[3 * stride], score, class_index);
}

bool is_finite(const Detection& box) { return std::isfinite(box.left + box.top + box.right + box.bottom); }

std::vector<Detection> read_rows(const float* rows, int64_t count, int64_t size, float threshold) {
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < count; ++i) {
    const float* row = rows + i * size;
    if (!(row[4] > threshold)) continue;
    const float* best = std::max_element(row + 5, row + size);
    const float score = row[4] * *best;
    if (score > threshold) boxes.push_back(box_in(row, 1, score, best - row - 5));
  }
  return boxes;
}

std::vector<Detection> read_plain_rows(const float* rows, int64_t count, int64_t size, float threshold, float width,
                                       float height) {
  // Nothing that is larger than a few pixels means that they are parts of the picture.
  constexpr float largest_part = 2;
  bool parts = true;
  for (int64_t i = 0; i < count && parts; ++i) {
    for (int64_t k = 0; k < 4; ++k) parts = parts && !(rows[i * size + k] > largest_part);
  }
  const float across = parts ? width : 1, down = parts ? height : 1;
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < count; ++i) {
    const float* row = rows + i * size;
    const float* best = std::max_element(row + 4, row + size);
    if (!(*best > threshold)) continue;
    boxes.push_back(box_around(row[0] * across, row[1] * down, row[2] * across, row[3] * down, *best, best - row - 4));
  }
  return boxes;
}

/// A block of boxes at a time, so that scores are read along their rows and the best so far stays in L1.
std::vector<Detection> read_columns(const float* values, int64_t size, int64_t count, float threshold) {
  constexpr int64_t block = 512;
  std::vector<Detection> boxes;
  std::vector<float> best(block);
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t length = std::min(block, count - begin);
    std::copy_n(values + 4 * count + begin, length, best.begin());
    for (int64_t c = 5; c < size; ++c) {
      const float* scores = values + c * count + begin;
      float* const so_far = best.data();
      for (int64_t i = 0; i < length; ++i) so_far[i] = scores[i] > so_far[i] ? scores[i] : so_far[i];
    }
    for (int64_t i = 0; i < length; ++i) {
      const float score = best[static_cast<size_t>(i)];
      if (!(score > threshold)) continue;
      int64_t which = 4;
      while (which + 1 < size && values[which * count + begin + i] != score) ++which;
      boxes.push_back(box_in(values + begin + i, count, score, which - 4));
    }
  }
  return boxes;
}

std::vector<Detection> read_finished(const float* rows, int64_t count, float threshold) {
  std::vector<Detection> boxes;
  for (const float* row = rows; row != rows + 6 * count; row += 6) {
    if (!(row[4] > threshold) || !(row[5] >= 0) || row[5] > static_cast<float>(most_class)) continue;
    boxes.push_back({row[0], row[1], row[2], row[3], row[4], static_cast<int64_t>(row[5])});
  }
  return boxes;
}

}  // namespace

Detection box_around(float x, float y, float width, float height, float score, int64_t class_index) {
  return {x - width / 2, y - height / 2, x + width / 2, y + height / 2, score, class_index};
}

void require_classes(int64_t found, int64_t named, const Shape& shape) {
  if (named != 0 && named != found) {
    fail(ErrorCode::invalid_argument, "the detector gave {} for {} classes, but {} are named", to_string(shape), found,
         named);
  }
}

BoxLayout box_layout(const Shape& shape, int64_t classes) {
  // Networks that sort out boxes themselves give a few hundred.
  constexpr int64_t most_finished = 1000;
  const bool lists = shape.size() == 3 && shape[0] == 1;
  if (lists && shape[2] == 6 && shape[1] <= most_finished) return BoxLayout::finished;
  if (!lists || std::min(shape[1], shape[2]) < fewest_columns_of_a_box) {
    fail(ErrorCode::invalid_argument,
         "a detector's output is {}, expected [1,boxes,5+classes], [1,4+classes,boxes] or [1,boxes,6]",
         to_string(shape));
  }
  if (classes != 0 && shape[2] == 4 + classes && shape[1] != 4 + classes) return BoxLayout::rows;
  return shape[1] < shape[2] ? BoxLayout::columns : BoxLayout::rows_with_objectness;
}

std::vector<Detection> read_boxes(const Tensor& output, float score_threshold, int64_t classes, int64_t width,
                                  int64_t height) {
  const BoxLayout layout = box_layout(output.shape(), classes);
  if (output.dtype() != DType::f32) {
    fail(ErrorCode::invalid_argument, "a detector's output is {}, expected f32", dtype_name(output.dtype()));
  }
  const float* values = output.data<float>();
  const int64_t rows = output.shape()[1], columns = output.shape()[2];
  std::vector<Detection> boxes;
  switch (layout) {
    case BoxLayout::finished: boxes = read_finished(values, rows, score_threshold); break;
    case BoxLayout::rows:
      boxes = read_plain_rows(values, rows, columns, score_threshold, static_cast<float>(width),
                              static_cast<float>(height));
      break;
    case BoxLayout::columns:
      require_classes(rows - 4, classes, output.shape());
      boxes = read_columns(values, rows, columns, score_threshold);
      break;
    case BoxLayout::rows_with_objectness:
      require_classes(columns - 5, classes, output.shape());
      if (columns < 6)
        fail(ErrorCode::invalid_argument, "a detector's output {} has no classes", to_string(output.shape()));
      boxes = read_rows(values, rows, columns, score_threshold);
      break;
  }
  boxes.erase(std::remove_if(boxes.begin(), boxes.end(), [](const Detection& box) { return !is_finite(box); }),
              boxes.end());
  return boxes;
}

}  // namespace kiln::vision
