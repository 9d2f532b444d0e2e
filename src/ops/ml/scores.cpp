#include "ops/ml/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

#include "base/error.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

PostTransform post_transform_from(std::string_view name) {
  if (name == "NONE") return PostTransform::none;
  if (name == "SOFTMAX") return PostTransform::softmax;
  if (name == "LOGISTIC") return PostTransform::logistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::softmax_zero;
  if (name == "PROBIT") return PostTransform::probit;
  fail(ErrorCode::invalid_model, "post_transform is '{}', expected NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT",
       name);
}

float logistic(float score) {
  const float positive = 1 / (1 + std::exp(-std::abs(score)));
  return score < 0 ? 1 - positive : positive;
}

/// Winitzki's approximation of the inverse error function, with the constant that every runtime of ONNX uses.
float probit(float score) {
  const float x = 2 * score - 1;
  const float log = std::log((1 - x) * (1 + x));
  const float a = 2 / (3.14159F * 0.147F) + 0.5F * log;
  const float root = std::sqrt(std::sqrt(a * a - 1 / 0.147F * log) - a);
  return std::numbers::sqrt2_v<float> * (x < 0 ? -root : root);
}

namespace {

void softmax(std::vector<float>& scores) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  float sum = 0;
  for (float& score : scores) sum += score = std::exp(score - largest);
  for (float& score : scores) score /= sum;
}

/// Softmax that leaves zeros at zero.
void softmax_zero(std::vector<float>& scores) {
  constexpr float nearly_zero = 1e-7F;
  const float largest = *std::max_element(scores.begin(), scores.end());
  const float scale = std::exp(-largest);
  float sum = 0;
  for (float& score : scores) {
    if (std::abs(score) > nearly_zero) {
      sum += score = std::exp(score - largest);
    } else {
      score *= scale;
    }
  }
  for (float& score : scores) score /= sum;
}

}  // namespace

void transform_scores(PostTransform transform, std::vector<float>& scores) {
  switch (transform) {
    case PostTransform::none: break;
    case PostTransform::softmax: softmax(scores); break;
    case PostTransform::softmax_zero: softmax_zero(scores); break;
    case PostTransform::logistic: std::transform(scores.begin(), scores.end(), scores.begin(), logistic); break;
    case PostTransform::probit: std::transform(scores.begin(), scores.end(), scores.begin(), probit); break;
  }
}

void expand_score(PostTransform transform, float score, SecondClass second, std::vector<float>& row) {
  if (transform == PostTransform::probit) score = probit(score);
  const bool logistics = transform == PostTransform::logistic;
  switch (second) {
    case SecondClass::none: row.assign({score}); break;
    case SecondClass::complement:
      if (logistics) score = logistic(score);
      row.assign({1 - score, score});
      break;
    case SecondClass::opposite:
      if (logistics) {
        row.assign({logistic(-score), logistic(score)});
      } else {
        row.assign({-score, score});
      }
      break;
  }
}

ClassLabels::ClassLabels(const NodeView& node, std::string_view strings, std::string_view ints) {
  const auto given = node.attr_strings(strings);
  const auto numbers = node.attr_ints(ints);
  strings_.assign(given.begin(), given.end());
  ints_.assign(numbers.begin(), numbers.end());
}

void ClassLabels::write(Tensor& output, int64_t row, size_t index) const {
  if (index >= size()) {
    fail(ErrorCode::invalid_model, "there are {} class labels, but the scores name class {}", size(), index);
  }
  if (are_strings()) {
    output.mutable_data<std::string>()[row] = strings_[index];
  } else {
    output.mutable_data<int64_t>()[row] = ints_[index];
  }
}

void ClassLabels::write_bare(Tensor& output, int64_t row, bool positive) const {
  if (are_strings()) {
    output.mutable_data<std::string>()[row].assign(1, positive ? '1' : '0');
  } else {
    output.mutable_data<int64_t>()[row] = positive ? 1 : 0;
  }
}

template <class T>
Rows<T> read_rows(const Tensor& tensor) {
  if (tensor.rank() != 1 && tensor.rank() != 2) {
    fail(ErrorCode::invalid_argument, "the input must have 1 or 2 axes, found shape {}", to_string(tensor.shape()));
  }
  Rows<T> rows;
  rows.count = tensor.rank() == 1 ? 1 : tensor.dim(0);
  rows.features = tensor.dim(-1);
  dispatch(Types<float, double, int64_t, int32_t, f16, bf16>{}, tensor.dtype(), [&]<class From>() {
    const From* from = tensor.data<From>();
    if constexpr (std::is_same_v<From, T>) {
      rows.begin = from;
    } else {
      rows.converted.resize(static_cast<size_t>(tensor.size()));
      std::transform(from, from + tensor.size(), rows.converted.begin(), [](From x) { return static_cast<T>(x); });
      rows.begin = rows.converted.data();
    }
  });
  return rows;
}
template Rows<float> read_rows<float>(const Tensor&);
template Rows<double> read_rows<double>(const Tensor&);

Dim infer_rows(const InferContext& context) {
  const SymShape* shape = context.shape(0);
  if (!shape) return {};
  if (shape->size() != 1 && shape->size() != 2) {
    fail(ErrorCode::invalid_argument, "the input must have 1 or 2 axes, found shape {}", to_string(*shape));
  }
  return shape->size() == 1 ? Dim(1) : shape->front();
}

}  // namespace kiln::ops
