#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/standardize.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText layer_normalization_versions[] = {
    {17, "X:T Scale:T B?:T -> Y:T Mean?:U InvStdDev?:U", "axis:int=-1 epsilon:float=9.99999975e-06 stash_type:int=1",
     "T=real,bf16 U=f32,bf16"},
};

void infer_layer_normalization(InferContext& c) {
  const DType stash = stash_type_of(c);
  c.set_output(0, c.type(0));
  const SymShape* shape = c.shape(0);
  std::optional<SymShape> statistics;
  if (shape) {
    const auto axis = static_cast<size_t>(normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size())));
    statistics = *shape;
    for (size_t i = axis; i < shape->size(); ++i) (*statistics)[i] = Dim(1);
    for (size_t i = 1; i < 3; ++i) {
      if (!c.shape(i)) continue;
      const SymShape together = broadcast_shapes(*shape, *c.shape(i));
      if (together.size() != shape->size()) {
        fail(ErrorCode::invalid_argument, "input {} of shape {} does not broadcast to X of shape {}", i,
             to_string(*c.shape(i)), to_string(*shape));
      }
    }
  }
  c.set_output(1, stash, statistics);
  c.set_output(2, stash, statistics);
}

void check_broadcasts_to(const Tensor& x, const Tensor& parameter, const char* name) {
  if (broadcast_shapes(x.shape(), parameter.shape()) != x.shape()) {
    fail(ErrorCode::invalid_argument, "{} of shape {} does not broadcast to X of shape {}", name,
         to_string(parameter.shape()), to_string(x.shape()));
  }
}

/// The second stage in the type of X: scaled, then shifted where there is a bias.
template <class T>
void scale_and_shift(EvalContext& c, Tensor& y) {
  const Tensor& scale = c.input(1);
  const Tensor& shift = c.has_input(2) ? c.input(2) : scale;
  const bool shifts = c.has_input(2);
  const BroadcastPlan plan(y.shape(), {scale.shape(), shift.shape()});
  T* to = y.mutable_data<T>();
  const T* factors = scale.data<T>();
  const T* summands = shift.data<T>();
  c.parallel_for(y.size(), 32768, [&](int64_t begin, int64_t end) {
    plan.for_rows(begin, end, [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
      for (int64_t i = 0; i < count; ++i) {
        T value = static_cast<T>(to[at + i] * factors[offsets[0] + i * steps[0]]);
        if (shifts) value = static_cast<T>(value + summands[offsets[1] + i * steps[1]]);
        to[at + i] = value;
      }
    });
  });
}

void eval_layer_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const DType stash = stash_type_of(c);
  const int64_t axis = normalize_axis(c.attr_int("axis"), x.rank());
  const int64_t rows = product(x.shape(), 0, axis), columns = product(x.shape(), axis, x.rank());
  check_broadcasts_to(x, c.input(1), "Scale");
  if (c.has_input(2)) check_broadcasts_to(x, c.input(2), "B");
  const float epsilon = c.attr_float("epsilon");
  Shape statistics = x.shape();
  std::fill(statistics.begin() + axis, statistics.end(), 1);
  Tensor& y = c.output(0, x.dtype(), x.shape());
  Tensor mean = c.host().allocate(stash, statistics), deviation = c.host().allocate(stash, statistics);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    dispatch(FloatTypes{}, stash, [&]<class U> {
      const T* from = x.data<T>();
      T* to = y.mutable_data<T>();
      U* means = mean.mutable_data<U>();
      U* deviations = deviation.mutable_data<U>();
      c.parallel_for(rows, 1 + 32768 / (columns + 1), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const auto standard = standard_of<U>(from + row * columns, columns, epsilon);
          means[row] = standard.mean;
          deviations[row] = standard.inverse_deviation;
          in_pieces(columns, [&](int64_t first, int64_t last) {
            for (int64_t i = row * columns + first; i < row * columns + last; ++i)
              to[i] = standardize(from[i], standard);
          });
        }
      });
    });
    scale_and_shift<T>(c, y);
  });
  if (c.wants_output(1)) c.set_output(1, mean);
  if (c.wants_output(2)) c.set_output(2, deviation);
}

}  // namespace

extern const OpDef layer_normalization_op{"", "LayerNormalization", layer_normalization_versions,
                                          infer_layer_normalization, eval_layer_normalization};

}  // namespace kiln::ops
