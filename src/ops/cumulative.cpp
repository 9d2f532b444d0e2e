#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cum_sum_versions[] = {
    {11, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=u32,u64,i32,i64,f32,f64 T2=i32,i64"},
    {14, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=real,u32,u64,i32,i64,bf16 T2=i32,i64"},
};

constexpr SchemaText cum_prod_versions[] = {
    {26, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=real,u32,u64,i32,i64,bf16 T2=i32,i64"},
};

void infer_cumulative(InferContext& c) {
  if (const SymShape* axis = c.shape(1); axis && axis->size() > 1) {
    fail(ErrorCode::invalid_argument, "the axis must be one number, found shape {}", to_string(*axis));
  }
  if (const auto axis = c.ints(1); axis && axis->size() == 1 && c.shape(0)) {
    normalize_axis(axis->front(), static_cast<int64_t>(c.shape(0)->size()));
  }
  infer_same_as_first(c);
}

/// Integers wrap; halves are rounded at each step.
struct RunningSum {
  static constexpr int start = 0;
  template <class T>
  static T of(T a, T b) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    return T(a + b);
  }
};
struct Product {
  static constexpr int start = 1;
  template <class T>
  static T of(T a, T b) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    return T(a * b);
  }
};

template <class T, class F>
void accumulate_line(const T* from, T* to, int64_t count, int64_t step, bool exclusive) {
  T total = T(F::start);
  bool empty = true;
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i, from += step, to += step) {
      if (exclusive) *to = total;
      total = empty ? *from : F::of(total, *from);
      empty = false;
      if (!exclusive) *to = total;
    }
  });
}

template <class F>
void eval_cumulative(EvalContext& c) {
  const Tensor& input = c.input(0);
  const AxisView view(input.shape(), normalize_axis(c.input_int(1), input.rank()));
  const bool exclusive = c.attr_int("exclusive") != 0, reverse = c.attr_int("reverse") != 0;
  Tensor& output = c.output(0, input.dtype(), input.shape());
  if (output.size() == 0) return;
  const int64_t first = reverse ? (view.extent - 1) * view.inner : 0, step = reverse ? -view.inner : view.inner;
  dispatch(Join<FloatTypes, Types<int32_t, int64_t, uint32_t, uint64_t>>{}, input.dtype(), [&]<class T> {
    const T* from = input.data<T>();
    T* to = output.mutable_data<T>();
    c.parallel_for(view.outer * view.inner, 1 + 32768 / view.extent, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t at = line / view.inner * view.extent * view.inner + line % view.inner + first;
        accumulate_line<T, F>(from + at, to + at, view.extent, step, exclusive);
      }
    });
  });
}

}  // namespace

extern const OpDef cum_sum_op{"", "CumSum", cum_sum_versions, infer_cumulative, eval_cumulative<RunningSum>};
extern const OpDef cum_prod_op{"", "CumProd", cum_prod_versions, infer_cumulative, eval_cumulative<Product>};

}  // namespace kiln::ops
