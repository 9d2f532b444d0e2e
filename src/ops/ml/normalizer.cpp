#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/ml/scores.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText normalizer_versions[] = {
    {1, "X:T -> Y:f32", "norm:string=MAX", "T=f32,f64,i64,i32"},
};

enum class Norm : uint8_t { max, l1, l2 };

Norm read_norm(const NodeView& node) {
  const std::string& name = node.attr_string("norm");
  if (name == "MAX") return Norm::max;
  if (name == "L1") return Norm::l1;
  if (name == "L2") return Norm::l2;
  fail(ErrorCode::invalid_model, "norm is '{}', expected MAX, L1 or L2", name);
}

void infer_normalizer(InferContext& c) {
  read_norm(c);
  infer_rows(c);
  Type type = c.type(0);
  if (!type.is_tensor()) type = Type::tensor(DType::f32);
  type.dtype = DType::f32;
  c.set_output(0, std::move(type));
}

void eval_normalizer(EvalContext& c) {
  const Norm norm = read_norm(c);
  const Rows<float> rows = read_rows<float>(c.input(0));
  float* to = c.output(0, DType::f32, c.input(0).shape()).mutable_data<float>();
  for (int64_t i = 0; i < rows.count; ++i) {
    const float* row = rows.row(i);
    float divisor = norm == Norm::max ? std::numeric_limits<float>::lowest() : 0;
    for (int64_t k = 0; k < rows.features; ++k) {
      switch (norm) {
        case Norm::max: divisor = std::max(divisor, row[k]); break;
        case Norm::l1: divisor += std::abs(row[k]); break;
        case Norm::l2: divisor += row[k] * row[k]; break;
      }
    }
    if (norm == Norm::l2) divisor = std::sqrt(divisor);
    for (int64_t k = 0; k < rows.features; ++k) *to++ = divisor == 0 ? row[k] : row[k] / divisor;
  }
}

}  // namespace

extern const OpDef normalizer_op{"ai.onnx.ml", "Normalizer", normalizer_versions, infer_normalizer, eval_normalizer};

}  // namespace kiln::ops
