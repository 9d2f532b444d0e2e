#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lrn_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=9.99999975e-05 beta:float=0.75 bias:float=1 size!:int", "T=real"},
    {13, "X:T -> Y:T", "alpha:float=9.99999975e-05 beta:float=0.75 bias:float=1 size!:int", "T=real,bf16"},
};

int64_t size_of(const NodeView& node) {
  const int64_t size = node.attr_int("size");
  if (size <= 0) fail(ErrorCode::invalid_argument, "size must be positive, found {}", size);
  return size;
}

void infer_lrn(InferContext& c) {
  size_of(c);
  if (c.shape(0) && c.shape(0)->size() < 2) {
    fail(ErrorCode::invalid_argument, "X must have a batch and a channel axis, found rank {}", c.shape(0)->size());
  }
  c.set_output(0, c.type(0));
}

void eval_lrn(EvalContext& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2) fail(ErrorCode::invalid_argument, "X must be [N,C,...], found shape {}", to_string(x.shape()));
  const int64_t size = size_of(c), channels = x.dim(1), span = product(x.shape(), 2, x.rank());
  const int64_t before = (size - 1) / 2, after = size / 2;
  const double alpha = static_cast<double>(c.attr_float("alpha")) / static_cast<double>(size);
  const double beta = static_cast<double>(c.attr_float("beta")), bias = static_cast<double>(c.attr_float("bias"));
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    c.parallel_for(x.dim(0) * channels, 1 + 4096 / (span + 1), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t channel = row % channels, instance = row / channels * channels;
        const int64_t first = channel - std::min(channel, before);
        const int64_t last = channel + std::min(channels - 1 - channel, after);
        for (int64_t i = 0; i < span; ++i, stop_point(last - first + 1)) {
          double squares = 0;
          for (int64_t k = first; k <= last; ++k) {
            const double value = static_cast<double>(from[(instance + k) * span + i]);
            squares += value * value;
          }
          const double value = static_cast<double>(from[row * span + i]);
          to[row * span + i] = static_cast<T>(value / std::pow(bias + alpha * squares, beta));
        }
      }
    });
  });
}

}  // namespace

extern const OpDef lrn_op{"", "LRN", lrn_versions, infer_lrn, eval_lrn};

}  // namespace kiln::ops
