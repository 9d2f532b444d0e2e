#include "vision/detect/boxes.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace kiln::vision {

namespace {

constexpr int64_t fewest_columns_of_a_box = 5;

Detection box_around(const float* centre, int64_t stride, float score, int64_t class_index) {
  const float x = centre[0], y = centre[stride], half_width = centre[2 * stride] / 2,
              half_height = centre[3 * stride] / 2;
  return {x - half_width, y - half_height, x + half_width, y + half_height, score, class_index};
}

bool is_finite(const Detection& box) { return std::isfinite(box.left + box.top + box.right + box.bottom); }

void require_classes(int64_t found, int64_t named, const Shape& shape) {
  if (named != 0 && named != found) {
    fail(ErrorCode::invalid_argument, "the detector gave {} for {} classes, but {} are named", to_string(shape), found,
         named);
  }
}

std::vector<Detection> read_rows(const float* rows, int64_t count, int64_t size, float threshold) {
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < count; ++i) {
    const float* row = rows + i * size;
    if (!(row[4] > threshold)) continue;
    const float* best = std::max_element(row + 5, row + size);
    const float score = row[4] * *best;
    if (score > threshold) boxes.push_back(box_around(row, 1, score, best - row - 5));
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
      boxes.push_back(box_around(values + begin + i, count, score, which - 4));
    }
  }
  return boxes;
}

std::vector<Detection> read_finished(const float* rows, int64_t count, float threshold) {
  std::vector<Detection> boxes;
  for (const float* row = rows; row != rows + 6 * count; row += 6) {
    if (!(row[4] > threshold) || !(row[5] >= 0) || row[5] > 1e6f) continue;
    boxes.push_back({row[0], row[1], row[2], row[3], row[4], static_cast<int64_t>(row[5])});
  }
  return boxes;
}

/// Boxes that were kept, a list for each coordinate.
struct KeptBoxes {
  std::vector<float> left, top, right, bottom, area;

  void add(const Detection& box) {
    left.push_back(box.left);
    top.push_back(box.top);
    right.push_back(box.right);
    bottom.push_back(box.bottom);
    area.push_back((box.right - box.left) * (box.bottom - box.top));
  }

  bool overlaps(const Detection& box, float most) const {
    const float own_area = (box.right - box.left) * (box.bottom - box.top);
    for (size_t i = 0; i < left.size(); ++i) {
      const float width = std::min(box.right, right[i]) - std::max(box.left, left[i]);
      const float height = std::min(box.bottom, bottom[i]) - std::max(box.top, top[i]);
      if (width <= 0 || height <= 0) continue;
      const float both = width * height;
      if (both > most * (area[i] + own_area - both)) return true;
    }
    return false;
  }
};

}  // namespace

BoxLayout box_layout(const Shape& shape) {
  // Networks that sort out boxes themselves give a few hundred.
  constexpr int64_t most_finished = 1000;
  const bool lists = shape.size() == 3 && shape[0] == 1;
  if (lists && shape[2] == 6 && shape[1] <= most_finished) return BoxLayout::finished;
  if (!lists || std::min(shape[1], shape[2]) < fewest_columns_of_a_box) {
    fail(ErrorCode::invalid_argument,
         "a detector's output is {}, expected [1,boxes,5+classes], [1,4+classes,boxes] or [1,boxes,6]",
         to_string(shape));
  }
  return shape[1] < shape[2] ? BoxLayout::columns : BoxLayout::rows_with_objectness;
}

std::vector<Detection> read_boxes(const Tensor& output, float score_threshold, int64_t classes) {
  const BoxLayout layout = box_layout(output.shape());
  if (output.dtype() != DType::f32) {
    fail(ErrorCode::invalid_argument, "a detector's output is {}, expected f32", dtype_name(output.dtype()));
  }
  const float* values = output.data<float>();
  const int64_t rows = output.shape()[1], columns = output.shape()[2];
  std::vector<Detection> boxes;
  switch (layout) {
    case BoxLayout::finished: boxes = read_finished(values, rows, score_threshold); break;
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

std::vector<Detection> suppress(std::vector<Detection> boxes, float overlap, bool agnostic, int64_t most) {
  // The order of the boxes, the best last: a heap, since often a few of many are enough.
  struct Rank {
    float score;
    uint32_t index;
    bool operator<(const Rank& other) const { return score != other.score ? score < other.score : index > other.index; }
  };
  std::vector<Rank> ranks;
  ranks.reserve(boxes.size());
  for (size_t i = 0; i < boxes.size(); ++i) ranks.push_back({boxes[i].score, static_cast<uint32_t>(i)});
  std::make_heap(ranks.begin(), ranks.end());
  std::vector<std::pair<int64_t, KeptBoxes>> kept_of_class;
  const auto kept_like = [&](const Detection& box) -> KeptBoxes& {
    const int64_t wanted = agnostic ? 0 : box.class_index;
    for (auto& [index, kept] : kept_of_class) {
      if (index == wanted) return kept;
    }
    return kept_of_class.emplace_back(wanted, KeptBoxes()).second;
  };
  std::vector<Detection> result;
  for (auto end = ranks.end(); end != ranks.begin() && static_cast<int64_t>(result.size()) < most;) {
    std::pop_heap(ranks.begin(), end);
    const Detection& box = boxes[(--end)->index];
    KeptBoxes& kept = kept_like(box);
    if (kept.overlaps(box, overlap)) continue;
    kept.add(box);
    result.push_back(box);
  }
  return result;
}

std::vector<std::string> parse_names(const std::string& text) {
  std::vector<std::string> names;
  for (size_t at = 0; at < text.size();) {
    const size_t digit = text.find_first_of("0123456789", at);
    if (digit == std::string::npos) break;
    size_t index = 0, end = digit;
    for (; end < text.size() && text[end] >= '0' && text[end] <= '9' && index < 100000; ++end) {
      index = index * 10 + static_cast<size_t>(text[end] - '0');
    }
    const size_t quote = text.find_first_of("'\"", end);
    if (quote == std::string::npos || index >= 100000) break;
    std::string name;
    size_t i = quote + 1;
    for (; i < text.size() && text[i] != text[quote]; ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      name += text[i];
    }
    if (names.size() <= index) names.resize(index + 1);
    names[index] = std::move(name);
    at = i + 1;
  }
  return names;
}

}  // namespace kiln::vision
