#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/ml/scores.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText linear_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "classlabels_ints:ints classlabels_strings:strings coefficients!:floats intercepts:floats "
     "multi_class:int=0 post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
};

constexpr SchemaText linear_regressor_versions[] = {
    {1, "X:T -> Y:f32", "coefficients:floats intercepts:floats post_transform:string=NONE targets:int=1",
     "T=f32,f64,i64,i32"},
};

/// The number of score columns that the coefficients make for so many features.
int64_t classifier_targets(const NodeView& node, int64_t features) {
  const auto coefficients = static_cast<int64_t>(node.attr_floats("coefficients").size());
  const auto intercepts = static_cast<int64_t>(node.attr_floats("intercepts").size());
  const int64_t targets = intercepts > 0 ? intercepts : features > 0 ? coefficients / features : 0;
  if (targets < 1 || targets > coefficients / std::max<int64_t>(features, 1) || targets * features != coefficients) {
    fail(ErrorCode::invalid_model, "{} coefficients and {} intercepts do not fit inputs of {} features", coefficients,
         intercepts, features);
  }
  return targets;
}

void infer_linear_classifier(InferContext& c) {
  const ClassLabels labels(c, "classlabels_strings", "classlabels_ints");
  const Dim rows = infer_rows(c);
  auto columns = static_cast<int64_t>(c.attr_floats("intercepts").size());
  if (columns == 0 && c.shape(0) && c.shape(0)->back().is_known()) {
    columns = classifier_targets(c, c.shape(0)->back().value());
  }
  if (columns == 1 && labels.size() == 2) columns = 2;
  c.set_output(0, labels.dtype(), SymShape{rows});
  c.set_output(1, DType::f32, SymShape{rows, columns == 0 ? Dim() : Dim(columns)});
}

/// X * coefficients^T + intercepts: a row of `targets` scores for each row of X.
std::vector<float> linear_scores(const Rows<float>& rows, std::span<const float> coefficients,
                                 std::span<const float> intercepts, int64_t targets) {
  std::vector<float> scores;
  scores.reserve(static_cast<size_t>(rows.count * targets));
  for (int64_t i = 0; i < rows.count; ++i) {
    for (int64_t k = 0; k < targets; ++k) {
      const float* weights = coefficients.data() + k * rows.features;
      double sum = intercepts.empty() ? 0 : intercepts[static_cast<size_t>(k)];
      for (int64_t f = 0; f < rows.features; ++f) sum += static_cast<double>(rows.row(i)[f]) * weights[f];
      scores.push_back(static_cast<float>(sum));
    }
  }
  return scores;
}

void eval_linear_classifier(EvalContext& c) {
  const ClassLabels labels(c, "classlabels_strings", "classlabels_ints");
  const PostTransform transform = post_transform_from(c.attr_string("post_transform"));
  const Rows<float> rows = read_rows<float>(c.input(0));
  const int64_t targets = classifier_targets(c, rows.features);
  const std::vector<float> scores =
      linear_scores(rows, c.attr_floats("coefficients"), c.attr_floats("intercepts"), targets);
  // One score for two labels is that of the second one.
  const bool pair = targets == 1 && labels.size() == 2;
  const int64_t columns = pair ? 2 : targets;
  Tensor classes = c.host().allocate(labels.dtype(), {rows.count});
  Tensor output = c.host().allocate(DType::f32, {rows.count, columns});
  std::vector<float> row;
  for (int64_t i = 0; i < rows.count; ++i) {
    row.assign(scores.begin() + i * targets, scores.begin() + (i + 1) * targets);
    if (pair) {
      labels.write(classes, i, row[0] > 0 ? 1 : 0);
    } else if (targets == 1) {
      labels.write_bare(classes, i, row[0] > 0);
    } else {
      labels.write(classes, i, static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
    }
    if (targets == 1) {
      expand_score(transform, row[0], pair ? SecondClass::complement : SecondClass::none, row);
    } else {
      transform_scores(transform, row);
    }
    std::copy(row.begin(), row.end(), output.mutable_data<float>() + i * columns);
  }
  if (c.wants_output(0)) c.set_output(0, std::move(classes));
  if (c.wants_output(1)) c.set_output(1, std::move(output));
}

int64_t regressor_targets(const NodeView& node) {
  const int64_t targets = node.attr_int("targets");
  if (targets < 1) fail(ErrorCode::invalid_model, "targets is {}, expected at least 1", targets);
  return targets;
}

void infer_linear_regressor(InferContext& c) {
  c.set_output(0, DType::f32, SymShape{infer_rows(c), Dim(regressor_targets(c))});
}

void eval_linear_regressor(EvalContext& c) {
  const PostTransform transform = post_transform_from(c.attr_string("post_transform"));
  const Rows<float> rows = read_rows<float>(c.input(0));
  const int64_t targets = regressor_targets(c);
  const auto coefficients = c.attr_floats("coefficients");
  auto intercepts = c.attr_floats("intercepts");
  const auto count = static_cast<int64_t>(coefficients.size());
  if (count % targets != 0 || count / targets != rows.features) {
    fail(ErrorCode::invalid_model, "{} coefficients do not fit {} targets and {} features", count, targets,
         rows.features);
  }
  if (static_cast<int64_t>(intercepts.size()) != targets) intercepts = {};
  std::vector<float> scores = linear_scores(rows, coefficients, intercepts, targets);
  float* to = c.output(0, DType::f32, {rows.count, targets}).mutable_data<float>();
  std::vector<float> row;
  for (int64_t i = 0; i < rows.count; ++i) {
    row.assign(scores.begin() + i * targets, scores.begin() + (i + 1) * targets);
    if (targets > 1) {
      transform_scores(transform, row);
    } else {
      expand_score(transform, row[0], SecondClass::none, row);
    }
    to = std::copy(row.begin(), row.end(), to);
  }
}

}  // namespace

extern const OpDef linear_classifier_op{"ai.onnx.ml", "LinearClassifier", linear_classifier_versions,
                                        infer_linear_classifier, eval_linear_classifier};
extern const OpDef linear_regressor_op{"ai.onnx.ml", "LinearRegressor", linear_regressor_versions,
                                       infer_linear_regressor, eval_linear_regressor};

}  // namespace kiln::ops
