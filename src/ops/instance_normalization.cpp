#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moments.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText instance_normalization_versions[] = {
    {1, "input:T scale:T B:T -> output:T", "consumed_inputs:ints epsilon:float=9.99999975e-06", "T=real"},
    {6, "input:T scale:T B:T -> output:T", "epsilon:float=9.99999975e-06", "T=real"},
    {22, "input:T scale:T B:T -> output:T", "epsilon:float=9.99999975e-06", "T=real,bf16"},
};

void infer_instance_normalization(InferContext& c) {
  c.set_output(0, c.type(0));
  Dim channels;
  if (const SymShape* shape = c.shape(0)) {
    if (shape->size() < 2) {
      fail(ErrorCode::invalid_argument, "the input must have a batch and a channel axis, found rank {}", shape->size());
    }
    channels = (*shape)[1];
  }
  for (size_t i = 1; i < 3; ++i) {
    const SymShape* shape = c.shape(i);
    if (!shape) continue;
    if (shape->size() != 1) {
      fail(ErrorCode::invalid_argument, "input {} must be a list of one number per channel, found rank {}", i,
           shape->size());
    }
    channels = merge_dims(channels, (*shape)[0], "numbers of channels");
  }
}

void eval_instance_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2 || c.input(1).size() != x.dim(1) || c.input(2).size() != x.dim(1)) {
    fail(ErrorCode::invalid_argument, "input, scale and B must be [N,C,...], [C] and [C], found {}, {} and {}",
         to_string(x.shape()), to_string(c.input(1).shape()), to_string(c.input(2).shape()));
  }
  const int64_t channels = x.dim(1), span = product(x.shape(), 2, x.rank());
  const Widened<double> scale(c.input(1)), bias(c.input(2));
  const double epsilon = static_cast<double>(c.attr_float("epsilon"));
  Tensor& out = c.output(0, x.dtype(), x.shape());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    c.parallel_for(x.dim(0) * channels, 1 + 32768 / (span + 1), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const Moments moments = moments_of(from + row * span, span);
        const double factor = scale[row % channels] / std::sqrt(moments.variance + epsilon);
        for (int64_t i = row * span; i < (row + 1) * span; ++i, stop_point()) {
          to[i] = static_cast<T>((static_cast<double>(from[i]) - moments.mean) * factor + bias[row % channels]);
        }
      }
    });
  });
}

}  // namespace

extern const OpDef instance_normalization_op{"", "InstanceNormalization", instance_normalization_versions,
                                             infer_instance_normalization, eval_instance_normalization};

}  // namespace kiln::ops
