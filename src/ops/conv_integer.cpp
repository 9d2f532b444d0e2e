#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/quantized_convolution.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText conv_integer_versions[] = {
    {10, "x:T1 w:T2 x_zero_point?:T1 w_zero_point?:T2 -> y:T3",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T1=i8,u8 T2=i8,u8 T3=i32"},
};

void infer_conv_integer(InferContext& context) { infer_convolution(context, 0, 1, std::nullopt, DType::i32); }

void eval_conv_integer(EvalContext& context) {
  const ConvolutionRun run(context, context.input(0), context.input(1));
  Tensor& y = context.output(0, DType::i32, run.output);
  convolve_quantized(context, run, {0, 1, 2, 3}, reinterpret_cast<uint32_t*>(y.mutable_data<int32_t>()));
}

}  // namespace

extern const OpDef conv_integer_op{"", "ConvInteger", conv_integer_versions, infer_conv_integer, eval_conv_integer};

}  // namespace kiln::ops
