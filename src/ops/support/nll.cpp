#include "ops/support/nll.hpp"

#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {

namespace {

const std::string& reduction_of(const NodeView& node) {
  const std::string& reduction = node.attr_string("reduction");
  if (reduction != "none" && reduction != "sum" && reduction != "mean") {
    fail(ErrorCode::invalid_argument, "reduction must be none, sum or mean, found '{}'", reduction);
  }
  return reduction;
}

/// [N, C, d1, ...] without C.
template <class Shape>
Shape without_classes(const Shape& shape) {
  if (shape.size() < 2) {
    fail(ErrorCode::invalid_argument, "input 0 must have a batch and a class axis, found rank {}", shape.size());
  }
  Shape result = shape;
  result.erase(result.begin() + 1);
  return result;
}

void check_loss_shapes(const EvalContext& c) {
  const Shape expected = without_classes(c.input(0).shape());
  if (c.input(1).shape() != expected) {
    fail(ErrorCode::invalid_argument, "labels must have shape {}, found {}", to_string(expected),
         to_string(c.input(1).shape()));
  }
  if (c.has_input(2) && c.input(2).shape() != Shape{c.input(0).dim(1)}) {
    fail(ErrorCode::invalid_argument, "weights must have shape [{}], found {}", c.input(0).dim(1),
         to_string(c.input(2).shape()));
  }
}

std::vector<int64_t> labels_of(const EvalContext& c) {
  std::vector<int64_t> labels;
  dispatch(Types<int32_t, int64_t>{}, c.input(1).dtype(), [&]<class T> {
    const auto elements = c.input(1).elements<T>();
    labels.assign(elements.begin(), elements.end());
  });
  return labels;
}

}  // namespace

void set_nll_loss(EvalContext& c, const double* log_probabilities) {
  const std::string& reduction = reduction_of(c);
  check_loss_shapes(c);
  const Tensor& x = c.input(0);
  const int64_t classes = x.dim(1), span = product(x.shape(), 2, x.rank());
  const bool ignores = c.has_attribute("ignore_index");
  const int64_t ignored = c.attr_int("ignore_index", 0);
  const Widened<double> weights = c.has_input(2) ? Widened<double>(c.input(2)) : Widened<double>();
  const std::vector<int64_t> labels = labels_of(c);
  std::vector<double> losses(labels.size(), 0);
  double sum = 0, total_weight = 0;
  for (size_t i = 0; i < labels.size(); ++i, stop_point()) {
    const int64_t label = labels[i], n = static_cast<int64_t>(i) / span, at = static_cast<int64_t>(i) % span;
    if (ignores && label == ignored) continue;
    if (label < 0 || label >= classes) {
      fail(ErrorCode::invalid_argument, "label {} is out of range for {} classes", label, classes);
    }
    const double weight = weights.data() ? weights[label] : 1;
    losses[i] = -log_probabilities[(n * classes + label) * span + at] * weight;
    sum += losses[i];
    total_weight += weight;
  }
  if (reduction == "none") {
    Tensor& loss = c.output(0, x.dtype(), c.input(1).shape());
    narrow_into(losses.data(), loss.size(), loss);
  } else {
    const double loss = reduction == "sum" ? sum : sum / total_weight;
    narrow_into(&loss, 1, c.output(0, x.dtype(), {}));
  }
}

void infer_nll_loss(InferContext& c) {
  const bool keeps = reduction_of(c) == "none";
  std::optional<SymShape> labels;
  if (c.shape(0)) labels = without_classes(*c.shape(0));
  if (const SymShape* given = c.shape(1)) {
    if (!labels) labels = *given;
    if (labels->size() != given->size()) {
      fail(ErrorCode::invalid_argument, "labels must have rank {}, found {}", labels->size(), given->size());
    }
    for (size_t i = 0; i < given->size(); ++i) {
      (*labels)[i] = merge_dims((*labels)[i], (*given)[i], "extents of the input and its labels");
    }
  }
  if (const SymShape* weights = c.shape(2)) {
    if (weights->size() != 1)
      fail(ErrorCode::invalid_argument, "weights must be a list, found rank {}", weights->size());
    if (c.shape(0)) merge_dims((*weights)[0], (*c.shape(0))[1], "numbers of classes and weights");
  }
  c.set_output(0, c.dtype(0), keeps ? labels : SymShape());
}

}  // namespace kiln::ops
