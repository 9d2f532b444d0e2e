#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText array_feature_extractor_versions[] = {
    {1, "X:T Y:i64 -> Z:T", "", "T=f32,f64,i64,i32,string"},
};

void infer_array_feature_extractor(InferContext& c) {
  if (!c.shape(0)) return c.set_output(0, c.dtype(0));
  const SymShape& data = *c.shape(0);
  if (data.empty()) fail(ErrorCode::invalid_argument, "the input must have at least one axis, found a scalar");
  SymShape shape(data.begin(), data.end() - 1);
  // One axis makes a row, as every runtime does.
  if (shape.empty()) shape.emplace_back(1);
  shape.push_back(c.shape(1) ? product(*c.shape(1), 0, c.shape(1)->size()) : Dim());
  c.set_output(0, c.dtype(0), shape);
}

void eval_array_feature_extractor(EvalContext& c) {
  const Tensor& data = c.input(0);
  if (data.rank() == 0) fail(ErrorCode::invalid_argument, "the input must have at least one axis, found a scalar");
  const int64_t extent = data.dim(-1);
  std::vector<int64_t> indices;
  for (int64_t index : c.input(1).elements<int64_t>()) {
    if (index < 0 || index >= extent) {
      fail(ErrorCode::invalid_argument, "index {} is out of range for a last axis of {} elements", index, extent);
    }
    indices.push_back(index);
  }
  const auto count = static_cast<int64_t>(indices.size());
  Shape shape = data.shape();
  shape.back() = count;
  if (data.rank() == 1) shape.insert(shape.begin(), 1);
  const int64_t rows = product(data.shape(), 0, data.rank() - 1);
  Tensor& output = c.output(0, data.dtype(), shape);
  dispatch_by_size(data.dtype(), [&]<class T>() {
    const T* from = static_cast<const T*>(data.raw());
    T* to = static_cast<T*>(output.mutable_raw());
    for (int64_t row = 0; row < rows; ++row, from += extent) {
      for (int64_t index : indices) *to++ = from[index];
    }
  });
}

}  // namespace

extern const OpDef array_feature_extractor_op{"ai.onnx.ml", "ArrayFeatureExtractor", array_feature_extractor_versions,
                                              infer_array_feature_extractor, eval_array_feature_extractor};

}  // namespace kiln::ops
