#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText causal_conv_with_state_versions[] = {
    {27, "input:T weight:T bias?:T past_state?:T -> output:T present_state:T", "activation:string=none",
     "T=f32,f16,bf16"},
};

enum class Activation : uint8_t { none, silu };

Activation read_activation(const NodeView& node) {
  const std::string name = node.attr_string("activation", "none");
  if (name == "none") return Activation::none;
  if (name == "silu" || name == "swish") return Activation::silu;
  fail(ErrorCode::invalid_model, "attribute 'activation' is '{}', expected none, silu or swish", name);
}

void check_rank(const InferContext& context, size_t input, size_t rank) {
  if (context.shape(input) && context.shape(input)->size() != rank) {
    fail(ErrorCode::invalid_argument, "input {} must have {} axes, found shape {}", input, rank,
         to_string(*context.shape(input)));
  }
}

/// What is known of dim `axis` of an input.
Dim dim_of(const InferContext& context, size_t input, size_t axis) {
  return context.shape(input) ? (*context.shape(input))[axis] : Dim();
}

void infer_causal_conv(InferContext& context) {
  read_activation(context);
  for (size_t input : {0, 1, 3}) check_rank(context, input, 3);
  check_rank(context, 2, 1);
  const Dim batch = merge_dims(dim_of(context, 0, 0), dim_of(context, 3, 0), "batch sizes");
  Dim channels = merge_dims(dim_of(context, 0, 1), dim_of(context, 1, 0), "channels of input and weight");
  channels = merge_dims(channels, dim_of(context, 2, 0), "channels and bias");
  channels = merge_dims(channels, dim_of(context, 3, 1), "channels of input and past_state");
  merge_dims(dim_of(context, 1, 1), Dim(1), "the second axis of weight");
  const Dim kernel = dim_of(context, 1, 2);
  if (kernel.is_known() && kernel.value() < 1) fail(ErrorCode::invalid_argument, "the kernel is empty");
  const Dim history = merge_dims(kernel - Dim(1), dim_of(context, 3, 2), "kernel size - 1 and past_state");
  context.set_output(0, context.dtype(0));
  if (context.shape(0)) context.set_output(0, context.dtype(0), SymShape{batch, channels, dim_of(context, 0, 2)});
  if (context.wants_output(1)) context.set_output(1, context.dtype(0), SymShape{batch, channels, history});
}

void check_shapes(const EvalContext& context) {
  const Shape &x = context.input(0).shape(), &w = context.input(1).shape();
  if (x.size() != 3 || w.size() != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1) {
    fail(ErrorCode::invalid_argument, "input of shape {} and weight of shape {}, expected [N,C,L] and [C,1,k]",
         to_string(x), to_string(w));
  }
  if (context.has_input(2) && context.input(2).shape() != Shape{x[1]}) {
    fail(ErrorCode::invalid_argument, "bias of shape {}, expected [{}]", to_string(context.input(2).shape()), x[1]);
  }
  if (context.has_input(3) && context.input(3).shape() != Shape{x[0], x[1], w[2] - 1}) {
    fail(ErrorCode::invalid_argument, "past_state of shape {}, expected {}", to_string(context.input(3).shape()),
         to_string(Shape{x[0], x[1], w[2] - 1}));
  }
}

/// One channel of one sequence: `padded` is the state before it and the sequence itself. The sum, the sum with bias and
/// the activation are each rounded to T.
template <class T>
void convolve_channel(std::span<const T> padded, std::span<const T> weights, const T* bias, Activation activation,
                      T* out) {
  const size_t length = padded.size() + 1 - weights.size();
  for (size_t i = 0; i < length; ++i) {
    float sum = 0;
    for (size_t k = 0; k < weights.size(); ++k) sum += static_cast<float>(padded[i + k]) * weights[k];
    T value = T(sum);
    if (bias) value = T(value + *bias);
    const float x = value;
    out[i] = activation == Activation::silu ? T(x * (1.0f / (1.0f + std::exp(-x)))) : value;
  }
}

void eval_causal_conv(EvalContext& context) {
  check_shapes(context);
  const Activation activation = read_activation(context);
  const Tensor &x = context.input(0), &w = context.input(1);
  const int64_t channels = x.dim(1), length = x.dim(2), kernel = w.dim(2), history = kernel - 1;
  Tensor& y = context.output(0, x.dtype(), x.shape());
  Tensor state;
  if (context.wants_output(1)) state = context.output(1, x.dtype(), {x.dim(0), channels, history});
  dispatch(Types<float, f16, bf16>{}, x.dtype(), [&]<class T> {
    const T* past = context.has_input(3) ? context.input(3).data<T>() : nullptr;
    const T* bias = context.has_input(2) ? context.input(2).data<T>() : nullptr;
    context.parallel_for(x.dim(0) * channels, 8192 / (length * kernel + 1) + 1, [&](int64_t begin, int64_t end) {
      std::vector<T> padded(static_cast<size_t>(history + length), T(0.0f));
      for (int64_t i = begin; i < end; ++i) {
        if (past) std::copy_n(past + i * history, history, padded.begin());
        std::copy_n(x.data<T>() + i * length, length, padded.begin() + history);
        const std::span<const T> weights(w.data<T>() + i % channels * kernel, static_cast<size_t>(kernel));
        convolve_channel<T>(padded, weights, bias ? bias + i % channels : nullptr, activation,
                            y.mutable_data<T>() + i * length);
        if (state.defined()) std::copy_n(padded.end() - history, history, state.mutable_data<T>() + i * history);
      }
    });
  });
}

}  // namespace

extern const OpDef causal_conv_with_state_op{"", "CausalConvWithState", causal_conv_with_state_versions,
                                             infer_causal_conv, eval_causal_conv};

}  // namespace kiln::ops
