#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/quantized.hpp"
#include "ops/support/quantized_convolution.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText qlinear_conv_versions[] = {
    {10,
     "x:T1 x_scale:f32 x_zero_point:T1 w:T2 w_scale:f32 w_zero_point:T2 y_scale:f32 y_zero_point:T3 B?:T4 -> "
     "y:T3",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T1=i8,u8 T2=i8,u8 T3=i8,u8 T4=i32"},
};

enum Input : size_t { x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias };

void infer_qlinear_conv(InferContext& context) {
  check_zero_point_type(context, x, x_zero);
  check_zero_point_type(context, w, w_zero);
  infer_convolution(context, x, w, context.has_input(bias) ? std::optional<size_t>(bias) : std::nullopt,
                    context.dtype(y_zero));
}

/// A scalar, or one number for each of `channels`.
std::vector<float> read_scales(const EvalContext& context, size_t input, int64_t channels) {
  const Tensor& tensor = context.input(input);
  if (tensor.size() != 1 && (tensor.rank() != 1 || tensor.dim(0) != channels)) {
    fail(ErrorCode::invalid_argument, "scale of shape {}, expected a scalar{}", to_string(tensor.shape()),
         channels > 1 ? " or one number for each channel" : "");
  }
  return scale_elements(tensor);
}

template <class Y>
void requantize(EvalContext& context, const Tensor& sums, Tensor& y) {
  const int64_t channels = y.dim(1), plane = product(y.shape(), 2, y.rank());
  const float in_scale = read_scales(context, x_scale, 1)[0], out_scale = read_scales(context, y_scale, 1)[0];
  const std::vector<float> weight_scales = read_scales(context, w_scale, channels);
  if (context.input(y_zero).size() != 1) fail(ErrorCode::invalid_argument, "y_zero_point must be a scalar");
  const double zero = quantized_elements<float>(context.input(y_zero))[0];
  const int32_t* added = context.has_input(bias) ? context.input(bias).data<int32_t>() : nullptr;
  if (added && context.input(bias).shape() != Shape{channels}) {
    fail(ErrorCode::invalid_argument, "the bias has shape {}, expected [{}]", to_string(context.input(bias).shape()),
         channels);
  }
  const uint32_t* from = sums.data<uint32_t>();
  Y* to = y.mutable_data<Y>();
  context.parallel_for(y.dim(0) * channels, 32768 / (plane + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto channel = static_cast<size_t>(i % channels);
      const float factor = in_scale * weight_scales[weight_scales.size() == 1 ? 0 : channel] / out_scale;
      const uint32_t start = added ? static_cast<uint32_t>(added[channel]) : 0;
      for (int64_t j = i * plane; j < (i + 1) * plane; ++j) {
        to[j] = quantize<Y>(static_cast<double>(static_cast<int32_t>(from[j] + start)) * factor, zero);
      }
    }
  });
}

void eval_qlinear_conv(EvalContext& context) {
  const ConvolutionRun run(context, context.input(x), context.input(w));
  Tensor sums = context.host().allocate(DType::u32, run.output);
  convolve_quantized(context, run, {x, w, x_zero, w_zero}, sums.mutable_data<uint32_t>());
  const DType type = context.input(y_zero).dtype();
  Tensor& y = context.output(0, type, run.output);
  dispatch(Types<int8_t, uint8_t>{}, type, [&]<class Y> { requantize<Y>(context, sums, y); });
}

}  // namespace

extern const OpDef qlinear_conv_op{"", "QLinearConv", qlinear_conv_versions, infer_qlinear_conv, eval_qlinear_conv};

}  // namespace kiln::ops
