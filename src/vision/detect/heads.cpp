#include "vision/detect/heads.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "vision/detect/boxes.hpp"

namespace kiln::vision {

namespace {

constexpr std::string_view known_forms =
    "YOLOv5 [1,boxes,5+classes] or its levels [1,anchors,height,width,5+classes] or [1,anchors*(5+classes),height,"
    "width], YOLOv8 [1,4+classes,boxes], [1,boxes,6], [boxes,7], DETR's logits [1,boxes,classes] and boxes "
    "[1,boxes,4], "
    "or SSD's boxes [1,n,4], classes [1,n] and scores [1,n]";

[[noreturn]] void refuse(const std::vector<NamedTensor>& outputs) {
  std::string found;
  for (const auto& [name, tensor] : outputs) {
    found += (found.empty() ? "" : ", ") + std::string(dtype_name(tensor.dtype())) + to_string(tensor.shape());
  }
  fail(ErrorCode::invalid_argument, "the detector gave {}, expected one of: {}", found, known_forms);
}

bool is_float(const Tensor& tensor) { return tensor.dtype() == DType::f32; }

bool has_word(const std::string& name, std::string_view word) { return name.find(word) != std::string::npos; }

/// [1, n, 4]
bool is_box_list(const Tensor& tensor) {
  return is_float(tensor) && tensor.rank() >= 2 && tensor.dim(-1) == 4 && tensor.size() == 4 * tensor.dim(-2);
}

/// The boxes among the outputs: of several that may be, the one whose name says so, or the last.
const NamedTensor* find_box_list(const std::vector<NamedTensor>& outputs) {
  const NamedTensor* found = nullptr;
  for (const NamedTensor& output : outputs) {
    if (!is_box_list(output.second)) continue;
    if (has_word(output.first, "box")) return &output;
    found = &output;
  }
  return found;
}

/// Numbers one after the other: [n], [1, n] or [1, n, 1].
bool is_list(const Tensor& tensor, int64_t count) {
  const Shape& shape = tensor.shape();
  return tensor.size() == count && std::count_if(shape.begin(), shape.end(), [](int64_t d) { return d != 1; }) <= 1;
}

/// A list of whole numbers, whatever their type; nothing where they are not whole, or of another type.
std::optional<std::vector<int64_t>> whole_numbers(const Tensor& tensor) {
  std::vector<int64_t> numbers;
  const auto take = [&]<class T>(const T* values) {
    for (int64_t i = 0; i < tensor.size(); ++i) numbers.push_back(static_cast<int64_t>(values[i]));
  };
  if (tensor.dtype() == DType::i64) take(tensor.data<int64_t>());
  if (tensor.dtype() == DType::i32) take(tensor.data<int32_t>());
  if (is_float(tensor)) {
    for (const float value : tensor.elements<float>()) {
      if (!(std::abs(value) <= static_cast<float>(most_class)) || value != std::trunc(value)) return {};
      numbers.push_back(static_cast<int64_t>(value));
    }
  }
  return numbers.size() == static_cast<size_t>(tensor.size()) ? std::optional(numbers) : std::nullopt;
}

/// An SSD's outputs, as far as they were found.
struct Lists {
  const Tensor* boxes = nullptr;
  const Tensor* scores = nullptr;
  const Tensor* classes = nullptr;
  bool rows_first = false;  ///< corners are y, x
  int64_t count = 0;
};

std::optional<Lists> find_lists(const std::vector<NamedTensor>& outputs) {
  Lists lists;
  const NamedTensor* const boxes = find_box_list(outputs);
  if (!boxes) return {};
  lists.boxes = &boxes->second;
  lists.count = lists.boxes->dim(-2);
  lists.rows_first = has_word(boxes->first, "detection_boxes");
  const int64_t count = lists.count;
  for (const auto& [name, tensor] : outputs) {
    if (&tensor == lists.boxes) continue;
    if (tensor.size() == 1 && count != 1) {
      if (const auto valid = whole_numbers(tensor)) lists.count = std::clamp<int64_t>((*valid)[0], 0, lists.count);
    } else if (is_list(tensor, count)) {
      const bool classes = !is_float(tensor) || has_word(name, "class") || has_word(name, "label") ||
                           (!has_word(name, "score") && !lists.classes && whole_numbers(tensor));
      const Tensor*& place = classes && !lists.classes ? lists.classes : lists.scores;
      if (!place) place = &tensor;
    }
  }
  if (!lists.scores || !lists.classes || !is_float(*lists.scores)) return {};
  return lists;
}

std::vector<Detection> read_lists(const Lists& lists, const HeadSettings& settings) {
  const auto classes = whole_numbers(*lists.classes);
  if (!classes) fail(ErrorCode::invalid_argument, "the detector's classes are no whole numbers");
  const float* sides = lists.boxes->data<float>();
  const float* scores = lists.scores->data<float>();
  constexpr float largest_part = 2;
  const bool parts = std::none_of(sides, sides + 4 * lists.count, [](float side) { return side > largest_part; });
  const float across = parts ? static_cast<float>(settings.width) : 1;
  const float down = parts ? static_cast<float>(settings.height) : 1;
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < lists.count; ++i) {
    const int64_t index = (*classes)[static_cast<size_t>(i)];
    if (!(scores[i] > settings.score_threshold) || index < 0 || index > most_class) continue;
    const float* box = sides + 4 * i;
    const size_t x = lists.rows_first ? 1 : 0, y = 1 - x;
    boxes.push_back({box[x] * across, box[y] * down, box[2 + x] * across, box[2 + y] * down, scores[i], index});
  }
  return boxes;
}

std::vector<Detection> read_detr(const Tensor& logits, const Tensor& sides, const HeadSettings& settings) {
  const int64_t count = logits.shape()[1], all = logits.shape()[2];
  const bool softmax = takes_softmax(settings.logits, all, settings.classes);
  const int64_t classes = softmax ? all - 1 : all;
  require_classes(classes, settings.classes, logits.shape());
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < count; ++i) {
    const float* row = logits.data<float>() + i * all;
    const float* best = std::max_element(row, row + classes);
    float score = 0;
    if (softmax) {
      const float top = std::max(*best, row[all - 1]);
      float sum = 0;
      for (int64_t c = 0; c < all; ++c) sum += std::exp(row[c] - top);
      score = std::exp(*best - top) / sum;
    } else {
      score = 1 / (1 + std::exp(-*best));
    }
    if (!(score > settings.score_threshold)) continue;
    const float* box = sides.data<float>() + 4 * i;
    const auto across = static_cast<float>(settings.width), down = static_cast<float>(settings.height);
    boxes.push_back(box_around(box[0] * across, box[1] * down, box[2] * across, box[3] * down, score, best - row));
  }
  return boxes;
}

/// Rows of picture, corners, class and score, as YOLOv7 has them.
std::vector<Detection> read_rows_of_seven(const Tensor& rows, float threshold) {
  std::vector<Detection> boxes;
  for (int64_t i = 0; i < rows.shape()[0]; ++i) {
    const float* row = rows.data<float>() + 7 * i;
    if (!(row[6] > threshold) || !(row[5] >= 0) || row[5] > static_cast<float>(most_class)) continue;
    boxes.push_back({row[1], row[2], row[3], row[4], row[6], static_cast<int64_t>(row[5])});
  }
  return boxes;
}

/// The levels of YOLOv5, if that is what all outputs are.
std::vector<Tensor> raw_levels(const std::vector<NamedTensor>& outputs) {
  std::vector<Tensor> levels;
  for (const auto& [name, tensor] : outputs) {
    if (!is_float(tensor) || tensor.rank() < 4 || tensor.rank() > 5 || tensor.shape()[0] != 1 ||
        tensor.rank() != outputs[0].second.rank()) {
      return {};
    }
    levels.push_back(tensor);
  }
  return levels;
}

FoundBoxes read_any(const std::vector<NamedTensor>& outputs, const HeadSettings& settings) {
  if (const auto levels = raw_levels(outputs); !levels.empty()) return {read_raw_levels(levels, settings), false};
  const Tensor& first = outputs[0].second;
  if (outputs.size() == 1 && is_float(first) && first.rank() == 2 && first.shape()[1] == 7) {
    return {read_rows_of_seven(first, settings.score_threshold), true};
  }
  if (outputs.size() > 1) {
    if (const auto lists = find_lists(outputs)) return {read_lists(*lists, settings), true};
    const NamedTensor* const sides = find_box_list(outputs);
    for (const auto& [name, tensor] : outputs) {
      const bool logits = sides && &tensor != &sides->second && is_float(tensor) && tensor.rank() == 3 &&
                          tensor.shape()[0] == 1 && tensor.dim(1) == sides->second.dim(-2) && tensor.dim(2) > 1;
      if (logits) return {read_detr(tensor, sides->second, settings), true};
    }
  }
  // The decoded boxes come first, where there is more.
  if (!is_float(first) || first.rank() != 3 || first.shape()[0] != 1 || std::min(first.dim(1), first.dim(2)) < 5) {
    refuse(outputs);
  }
  const BoxLayout layout = box_layout(first.shape(), settings.classes);
  return {read_boxes(first, settings.score_threshold, settings.classes, settings.width, settings.height),
          layout == BoxLayout::finished || layout == BoxLayout::rows};
}

bool ends_in(const PortInfo& port, int64_t last) {
  return port.has_shape && port.shape.size() >= 2 && port.shape.back().value == last;
}

}  // namespace

bool takes_softmax(LogitKind kind, int64_t logits, int64_t classes) {
  return kind == LogitKind::softmax || (kind == LogitKind::automatic && classes != logits);
}

bool states_detr(const std::vector<PortInfo>& outputs) {
  return states_lists(outputs) && std::any_of(outputs.begin(), outputs.end(), [](const PortInfo& port) {
           return port.has_shape && port.shape.size() == 3 && !ends_in(port, 4);
         });
}

bool states_lists(const std::vector<PortInfo>& outputs) {
  return outputs.size() > 1 &&
         std::any_of(outputs.begin(), outputs.end(), [](const PortInfo& port) { return ends_in(port, 4); });
}

FoundBoxes read_heads(const std::vector<NamedTensor>& outputs, const HeadSettings& settings) {
  if (outputs.empty()) fail(ErrorCode::invalid_argument, "the detector gave nothing, expected one of: {}", known_forms);
  FoundBoxes found = read_any(outputs, settings);
  std::erase_if(found.boxes, [](const Detection& box) {
    return !std::isfinite(box.left + box.top + box.right + box.bottom) || !std::isfinite(box.score);
  });
  return found;
}

}  // namespace kiln::vision
