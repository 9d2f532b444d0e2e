#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText binarizer_versions[] = {
    {1, "X:T -> Y:T", "threshold:float=0", "T=f32,f64,i64,i32"},
};

void eval_binarizer(EvalContext& c) {
  const Tensor& input = c.input(0);
  const float threshold = c.attr_float("threshold");
  Tensor& output = c.output(0, input.dtype(), input.shape());
  dispatch(Types<float, double, int64_t, int32_t>{}, input.dtype(), [&]<class T>() {
    const T* from = input.data<T>();
    T* to = output.mutable_data<T>();
    for (int64_t i = 0; i < input.size(); ++i) to[i] = static_cast<T>(static_cast<double>(from[i]) > threshold ? 1 : 0);
  });
}

}  // namespace

extern const OpDef binarizer_op{"ai.onnx.ml", "Binarizer", binarizer_versions, infer_same_as_first, eval_binarizer};

}  // namespace kiln::ops
