#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/standardize.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText rms_normalization_versions[] = {
    {23, "X:T scale:V -> Y:V", "axis:int=-1 epsilon:float=9.99999975e-06 stash_type:int=1", "T=real,bf16 V=real,bf16"},
};

void infer_rms_normalization(InferContext& c) {
  stash_type_of(c);
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(1));
  normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size()));
  if (c.shape(1) && broadcast_shapes(*shape, *c.shape(1)).size() != shape->size()) {
    fail(ErrorCode::invalid_argument, "scale of shape {} does not broadcast to X of shape {}", to_string(*c.shape(1)),
         to_string(*shape));
  }
  c.set_output(0, c.dtype(1), *shape);
}

/// Each row divided by sqrt(mean of squares + epsilon), step by step in U.
template <class U, class T>
void normalize_row(const T* from, T* to, int64_t count, float epsilon) {
  double squares = 0;
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const U x = static_cast<U>(from[i]);
      squares += static_cast<double>(static_cast<U>(x * x));
    }
  });
  const U mean = static_cast<U>(squares / static_cast<double>(count));
  const U root = static_cast<U>(std::sqrt(static_cast<U>(mean + static_cast<U>(epsilon))));
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(static_cast<U>(static_cast<U>(from[i]) / root));
  });
}

template <class T>
std::vector<T> normalized_rows(EvalContext& c, const Tensor& x, int64_t axis) {
  const int64_t rows = product(x.shape(), 0, axis), columns = product(x.shape(), axis, x.rank());
  const float epsilon = c.attr_float("epsilon");
  std::vector<T> normalized(static_cast<size_t>(x.size()));
  dispatch(FloatTypes{}, stash_type_of(c), [&]<class U> {
    const T* from = x.data<T>();
    c.parallel_for(rows, 1 + 32768 / (columns + 1), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        normalize_row<U>(from + row * columns, normalized.data() + row * columns, columns, epsilon);
      }
    });
  });
  return normalized;
}

void eval_rms_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const Tensor& scale = c.input(1);
  const int64_t axis = normalize_axis(c.attr_int("axis"), x.rank());
  if (broadcast_shapes(x.shape(), scale.shape()) != x.shape()) {
    fail(ErrorCode::invalid_argument, "scale of shape {} does not broadcast to X of shape {}", to_string(scale.shape()),
         to_string(x.shape()));
  }
  Tensor& y = c.output(0, scale.dtype(), x.shape());
  const BroadcastPlan plan(x.shape(), {x.shape(), scale.shape()});
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const std::vector<T> normalized = normalized_rows<T>(c, x, axis);
    dispatch(FloatTypes{}, scale.dtype(), [&]<class V> {
      c.parallel_for(x.size(), 32768, [&](int64_t begin, int64_t end) {
        broadcast_binary(plan, normalized.data(), scale.data<V>(), y.mutable_data<V>(), begin, end,
                         [](T a, V b) { return static_cast<V>(a * b); });
      });
    });
  });
}

}  // namespace

extern const OpDef rms_normalization_op{"", "RMSNormalization", rms_normalization_versions, infer_rms_normalization,
                                        eval_rms_normalization};

}  // namespace kiln::ops
