#include "ops/support/quantized_convolution.hpp"

#include "ops/support/gemm.hpp"
#include "ops/support/quantized.hpp"

namespace kiln::ops {

namespace {

using Bytes = Types<int8_t, uint8_t>;

std::vector<int32_t> zero_points(const EvalContext& context, size_t input, int64_t channels) {
  if (!context.has_input(input)) return {0};
  const Tensor& tensor = context.input(input);
  if (tensor.size() != 1 && (tensor.rank() != 1 || tensor.dim(0) != channels)) {
    fail(ErrorCode::invalid_argument, "zero point of shape {}, expected a scalar or [{}]", to_string(tensor.shape()),
         channels);
  }
  return quantized_elements<int32_t>(tensor);
}

}  // namespace

void convolve_quantized(EvalContext& context, const ConvolutionRun& run, QuantizedConvolution inputs, uint32_t* sums) {
  const Tensor &x = context.input(inputs.x), &w = context.input(inputs.w);
  const int32_t x_zero = zero_points(context, inputs.x_zero, 1)[0];
  const std::vector<int32_t> w_zero = zero_points(context, inputs.w_zero, w.dim(0));
  if (element_count(run.output) == 0) return;  // 0 channels in any number of groups
  const Im2Col& columns = run.columns;
  const int64_t depth = run.channels_in * columns.kernel_size();
  gemm<uint32_t>(
      context, {run.batch * run.group, run.channels_out, columns.window_count(), depth},
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, uint32_t* to) {
        const int64_t channel = batch % run.group * run.channels_out + row;
        const int32_t zero = w_zero.size() == 1 ? w_zero[0] : w_zero[static_cast<size_t>(channel)];
        dispatch(Bytes{}, w.dtype(), [&]<class T> {
          const T* from = w.data<T>() + channel * depth + begin;
          for (int64_t i = 0; i < count; ++i) to[i] = static_cast<uint32_t>(from[i] - zero);
        });
      },
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, uint32_t* to) {
        dispatch(Bytes{}, x.dtype(), [&]<class T> {
          const T* from = x.data<T>() + batch * run.channels_in * columns.image_size();
          columns.row(from, row, begin, count, to, [&](T value) { return static_cast<uint32_t>(value - x_zero); });
        });
      },
      sums);
}

}  // namespace kiln::ops
