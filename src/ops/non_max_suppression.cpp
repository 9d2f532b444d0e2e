#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText non_max_suppression_versions[] = {
    {10,
     "boxes:f32 scores:f32 max_output_boxes_per_class?:i64 iou_threshold?:f32 score_threshold?:f32 -> "
     "selected_indices:i64",
     "center_point_box:int=0"},
    {11,
     "boxes:f32 scores:f32 max_output_boxes_per_class?:i64 iou_threshold?:f32 score_threshold?:f32 -> "
     "selected_indices:i64",
     "center_point_box:int=0"},
};

void infer_non_max_suppression(InferContext& context) {
  for (size_t input : {0, 1}) {
    if (context.shape(input) && context.shape(input)->size() != 3) {
      fail(ErrorCode::invalid_argument, "input {} must have 3 axes, found shape {}", input,
           to_string(*context.shape(input)));
    }
  }
  context.set_output(0, DType::i64, SymShape{Dim(), 3});
}

struct Box {
  float x_low, x_high, y_low, y_high;
};

Box read_box(const float* numbers, bool centered) {
  if (centered) {
    const float half_width = numbers[2] / 2, half_height = numbers[3] / 2;
    return {numbers[0] - half_width, numbers[0] + half_width, numbers[1] - half_height, numbers[1] + half_height};
  }
  return {std::min(numbers[1], numbers[3]), std::max(numbers[1], numbers[3]), std::min(numbers[0], numbers[2]),
          std::max(numbers[0], numbers[2])};
}

float area(const Box& box) { return (box.x_high - box.x_low) * (box.y_high - box.y_low); }

/// Whether two boxes share more than `threshold` of the area that they cover together.
bool overlap(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.x_high, b.x_high) - std::max(a.x_low, b.x_low);
  const float height = std::min(a.y_high, b.y_high) - std::max(a.y_low, b.y_low);
  if (!(width > 0) || !(height > 0)) return false;
  const float shared = width * height, both = area(a) + area(b) - shared;
  if (!(shared > 0) || !(area(a) > 0) || !(area(b) > 0) || !(both > 0)) return false;
  return shared / both > threshold;
}

/// The numbers of boxes in the order of their scores, best first, equal ones in their own order, NaN last.
std::vector<int64_t> by_score(std::span<const float> scores, std::optional<float> threshold) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!threshold || scores[i] > *threshold) order.push_back(static_cast<int64_t>(i));
  }
  const auto key = [&](int64_t i) {
    const float score = scores[static_cast<size_t>(i)];
    return score == score ? score : -std::numeric_limits<float>::infinity();
  };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    stop_point();
    return key(a) > key(b);
  });
  return order;
}

/// The only element of an optional input that may also be an empty tensor.
template <class T>
std::optional<T> read_optional(const EvalContext& context, size_t input) {
  if (!context.has_input(input) || context.input(input).size() == 0) return {};
  return context.input(input).data<T>()[0];
}

std::vector<int64_t> select(EvalContext& context, int64_t limit) {
  const Tensor &boxes = context.input(0), &scores = context.input(1);
  const int64_t batches = boxes.dim(0), count = boxes.dim(1), classes = scores.dim(1);
  const float iou = read_optional<float>(context, 3).value_or(0.0f);
  const auto threshold = read_optional<float>(context, 4);
  const bool centered = context.attr_int("center_point_box", 0) != 0;
  std::vector<int64_t> result;
  for (int64_t task = 0; task < batches * classes; ++task) {
    context.host().check_cancelled();
    const float* of_batch = boxes.data<float>() + task / classes * count * 4;
    const std::span<const float> of_class(scores.data<float>() + task * count, static_cast<size_t>(count));
    std::vector<Box> kept;
    for (const int64_t i : by_score(of_class, threshold)) {
      if (static_cast<int64_t>(kept.size()) >= limit) break;
      const Box box = read_box(of_batch + i * 4, centered);
      stop_point(static_cast<int64_t>(kept.size()));
      if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return overlap(box, other, iou); })) continue;
      kept.push_back(box);
      result.insert(result.end(), {task / classes, task % classes, i});
    }
  }
  return result;
}

void eval_non_max_suppression(EvalContext& context) {
  const Tensor &boxes = context.input(0), &scores = context.input(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dim(2) != 4 || boxes.dim(0) != scores.dim(0) ||
      boxes.dim(1) != scores.dim(2)) {
    fail(ErrorCode::invalid_argument, "boxes of shape {} and scores of shape {}, expected [B,N,4] and [B,C,N]",
         to_string(boxes.shape()), to_string(scores.shape()));
  }
  const int64_t limit = read_optional<int64_t>(context, 2).value_or(0);
  const std::vector<int64_t> selected = limit > 0 ? select(context, limit) : std::vector<int64_t>();
  Tensor& y = context.output(0, DType::i64, {static_cast<int64_t>(selected.size() / 3), 3});
  std::copy(selected.begin(), selected.end(), y.mutable_data<int64_t>());
}

}  // namespace

extern const OpDef non_max_suppression_op{"", "NonMaxSuppression", non_max_suppression_versions,
                                          infer_non_max_suppression, eval_non_max_suppression};

}  // namespace kiln::ops
