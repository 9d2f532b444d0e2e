#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText feature_vectorizer_versions[] = {
    {1, "X*:T1 -> Y:f32", "inputdimensions:ints", "T1=i32,i64,f32,f64"},
};

/// The number of columns that each input takes in the output; unknown where neither attribute nor input says.
std::vector<Dim> widths(const NodeView& node, const std::vector<std::optional<SymShape>>& shapes) {
  const auto given = node.attr_ints("inputdimensions");
  if (!given.empty() && given.size() != shapes.size()) {
    fail(ErrorCode::invalid_model, "inputdimensions has {} elements for {} inputs", given.size(), shapes.size());
  }
  std::vector<Dim> result;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!given.empty()) {
      if (given[i] < 0) fail(ErrorCode::invalid_model, "inputdimensions holds {}, a negative size", given[i]);
      result.emplace_back(given[i]);
    } else if (!shapes[i]) {
      result.emplace_back();
    } else {
      const SymShape& shape = *shapes[i];
      result.push_back(shape.size() == 1 ? shape[0] : product(shape, std::min<size_t>(1, shape.size()), shape.size()));
    }
  }
  return result;
}

Dim sum(const std::vector<Dim>& dims) {
  Dim total(0);
  for (const Dim& dim : dims) total = total + dim;
  return total;
}

/// The number of rows: that of all inputs; one axis alone is a row.
Dim row_count(const std::vector<std::optional<SymShape>>& shapes) {
  Dim rows;
  for (const auto& shape : shapes) {
    if (!shape) continue;
    if (shape->empty()) fail(ErrorCode::invalid_argument, "the inputs must have 1 or 2 axes, found a scalar");
    rows = merge_dims(rows, shape->size() == 1 ? Dim(1) : shape->front(), "rows of the inputs");
  }
  return rows;
}

void infer_feature_vectorizer(InferContext& c) {
  std::vector<std::optional<SymShape>> shapes;
  for (size_t i = 0; i < c.input_count(); ++i) {
    shapes.push_back(c.shape(i) ? std::optional<SymShape>(*c.shape(i)) : std::nullopt);
  }
  c.set_output(0, DType::f32, SymShape{row_count(shapes), sum(widths(c, shapes))});
}

void eval_feature_vectorizer(EvalContext& c) {
  std::vector<std::optional<SymShape>> shapes;
  for (size_t i = 0; i < c.input_count(); ++i) shapes.emplace_back(to_sym(c.input(i).shape()));
  const std::vector<Dim> width = widths(c, shapes);
  const int64_t rows = row_count(shapes).value();
  const Dim total = sum(width);
  if (!total.is_known()) fail(ErrorCode::limit_exceeded, "the sum of inputdimensions is too large");
  const int64_t step = total.value();
  Tensor& output = c.output(0, DType::f32, {rows, step});
  float* to = output.mutable_data<float>();
  std::fill_n(to, output.size(), 0.0F);
  for (size_t i = 0; i < c.input_count(); ++i) {
    const Tensor& input = c.input(i);
    const int64_t columns = rows == 0 ? 0 : input.size() / rows;
    const int64_t copied = std::min(columns, width[i].value());
    dispatch(Types<float, double, int64_t, int32_t>{}, input.dtype(), [&]<class T>() {
      const T* from = input.data<T>();
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t k = 0; k < copied; ++k) to[row * step + k] = static_cast<float>(from[row * columns + k]);
      }
    });
    to += width[i].value();
  }
}

}  // namespace

extern const OpDef feature_vectorizer_op{"ai.onnx.ml", "FeatureVectorizer", feature_vectorizer_versions,
                                         infer_feature_vectorizer, eval_feature_vectorizer};

}  // namespace kiln::ops
