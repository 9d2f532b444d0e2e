#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/convolution.hpp"
#include "ops/support/gemm.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText conv_versions[] = {
    {1, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints", "T=real"},
    {11, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints", "T=real"},
    {22, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints", "T=real,bf16"},
};

void infer_conv(InferContext& context) {
  infer_convolution(context, 0, 1, context.has_input(2) ? std::optional<size_t>(2) : std::nullopt, context.dtype(0));
}

/// Adds the bias of each channel; the sums are rounded to T before, as in numpy.
template <class T>
void add_bias(EvalContext& context, const Tensor& bias, Tensor& y) {
  const int64_t channels = y.dim(1);
  if (bias.rank() != 1 || bias.dim(0) != channels) {
    fail(ErrorCode::invalid_argument, "the bias has shape {}, expected [{}]", to_string(bias.shape()), channels);
  }
  const int64_t plane = product(y.shape(), 2, y.rank());
  T* out = y.mutable_data<T>();
  const T* added = bias.data<T>();
  context.parallel_for(y.dim(0) * channels, 32768 / (plane + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T value = added[i % channels];
      for (int64_t j = i * plane; j < (i + 1) * plane; ++j) out[j] = T(out[j] + value);
    }
  });
}

template <class T>
void convolve(EvalContext& context, const Tensor& x, const Tensor& w, Tensor& y, const ConvolutionRun& run) {
  if (y.size() == 0) return;  // 0 channels in any number of groups
  using Sum = GemmType<T>;
  const Im2Col& columns = run.columns;
  const int64_t depth = run.channels_in * columns.kernel_size();
  const T* image = x.data<T>();
  const T* weights = w.data<T>();
  Tensor sums = std::is_same_v<Sum, T> ? y : context.host().allocate(dtype_of<Sum>, run.output);
  const GemmShape shape{run.batch * run.group, run.channels_out, columns.window_count(), depth};
  gemm<Sum>(
      context, shape,
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, Sum* to) {
        const int64_t channel = batch % run.group * run.channels_out + row;
        copy_run(weights + channel * depth + begin, 1, count, to);
      },
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, Sum* to) {
        const T* from = image + batch * run.channels_in * columns.image_size();
        columns.row(from, row, begin, count, to, [](T value) { return static_cast<Sum>(value); });
      },
      sums.mutable_data<Sum>());
  if constexpr (!std::is_same_v<Sum, T>) {
    const Sum* from = sums.data<Sum>();
    T* to = y.mutable_data<T>();
    context.parallel_for(y.size(), 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = T(from[i]);
    });
  }
}

void eval_conv(EvalContext& context) {
  const Tensor &x = context.input(0), &w = context.input(1);
  const ConvolutionRun run(context, x, w);
  Tensor& y = context.output(0, x.dtype(), run.output);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    convolve<T>(context, x, w, y, run);
    if (context.has_input(2)) add_bias<T>(context, context.input(2), y);
  });
}

}  // namespace

extern const OpDef conv_op{"", "Conv", conv_versions, infer_conv, eval_conv};

}  // namespace kiln::ops
