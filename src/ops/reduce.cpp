#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/reduction.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reduce_l1_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_l2_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_log_sum_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
    {28, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,bf16"},
};

constexpr SchemaText reduce_log_sum_exp_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
    {28, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,bf16"},
};

constexpr SchemaText reduce_max_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {12, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,u8,i8"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {20, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8,bool"},
};

constexpr SchemaText reduce_mean_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_min_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {12, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,u8,i8"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {20, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8,bool"},
};

constexpr SchemaText reduce_prod_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_sum_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_sum_square_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

using ReduceTypes = Types<float, double, f16, bf16, int32_t, int64_t, uint32_t, uint64_t>;
using MaxTypes = Join<ReduceTypes, Types<int8_t, uint8_t, bool>>;

/// What sums are kept in: integers wrap at the end as they would at each step.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

template <class T>
Wide<T> widen(T x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<uint64_t>(static_cast<int64_t>(x));
  } else {
    return static_cast<double>(x);
  }
}

/// The number that a float stands for in T; where it has none, the least integer, as x86 converts.
template <class T>
T from_double(double x) {
  if constexpr (std::is_integral_v<T>) {
    const double limit = std::ldexp(1.0, std::numeric_limits<T>::digits);
    const double least = std::is_signed_v<T> ? -limit : 0;
    return x >= least && x < limit ? static_cast<T>(x) : std::numeric_limits<T>::min();
  } else {
    return static_cast<T>(x);
  }
}

template <class T>
double as_double(Wide<T> x) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    return static_cast<double>(static_cast<int64_t>(x));
  } else {
    return static_cast<double>(x);
  }
}

template <class T>
struct Sum {
  Wide<T> sum = 0;
  void add(T x) { sum += widen(x); }
  T result(int64_t) const { return static_cast<T>(sum); }
};

template <class T>
struct Mean : Sum<T> {
  T result(int64_t count) const {
    const T total = Sum<T>::result(count);
    if constexpr (!std::is_integral_v<T>) {
      return static_cast<T>(this->sum / static_cast<double>(count));
    } else if constexpr (std::is_signed_v<T>) {
      return count == 0 ? T{0} : static_cast<T>(int64_t{total} / count);
    } else {
      return count == 0 ? T{0} : static_cast<T>(uint64_t{total} / static_cast<uint64_t>(count));
    }
  }
};

template <class T>
struct L1 {
  Wide<T> sum = 0;
  void add(T x) {
    const Wide<T> wide = widen(x);
    if constexpr (!std::is_integral_v<T>) {
      sum += std::abs(wide);
    } else {
      sum += std::is_signed_v<T> && static_cast<int64_t>(wide) < 0 ? uint64_t{0} - wide : wide;
    }
  }
  T result(int64_t) const { return static_cast<T>(sum); }
};

template <class T>
struct SumSquare {
  Wide<T> sum = 0;
  void add(T x) {
    const Wide<T> square = widen(x) * widen(x);
    if constexpr (std::is_integral_v<T>) {
      sum += widen(static_cast<T>(square));
    } else {
      sum += square;
    }
  }
  T result(int64_t) const { return static_cast<T>(sum); }
};

template <class T>
struct L2 : SumSquare<T> {
  T result(int64_t) const { return from_double<T>(std::sqrt(as_double<T>(this->sum))); }
};

template <class T>
struct LogSum {
  double sum = 0;
  void add(T x) { sum += static_cast<double>(x); }
  T result(int64_t) const { return from_double<T>(std::log(sum)); }
};

/// log(sum of e^x) as max + log(sum of e^(x - max)), which does not overflow; the sum is rescaled when the maximum
/// grows.
template <class T>
struct LogSumExp {
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
  void add(T element) {
    const double x = static_cast<double>(element);
    if (x == -std::numeric_limits<double>::infinity()) return;
    if (x > max) {
      sum = sum * std::exp(max - x) + 1;
      max = x;
    } else {
      sum += x == max ? 1 : std::exp(x - max);
    }
  }
  T result(int64_t) const { return from_double<T>(max + std::log(sum)); }
};

template <class T>
struct Prod {
  Wide<T> product = 1;
  void add(T x) { product *= widen(x); }
  T result(int64_t) const { return static_cast<T>(product); }
};

template <class T>
constexpr T least() {
  if constexpr (std::numeric_limits<T>::has_infinity) {
    return -std::numeric_limits<T>::infinity();
  } else {
    return std::numeric_limits<T>::lowest();
  }
}

template <class T>
constexpr T greatest() {
  return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
}

/// A NaN wins and stays.
template <class T>
struct Max {
  T best = least<T>();
  void add(T x) {
    if (x > best || x != x) best = x;
  }
  T result(int64_t) const { return best; }
};

template <class T>
struct Min {
  T best = greatest<T>();
  void add(T x) {
    if (x < best || x != x) best = x;
  }
  T result(int64_t) const { return best; }
};

/// No axes mean all of them, or none where the node says so.
std::vector<bool> marked_axes(const NodeView& node, std::span<const int64_t> axes, int64_t rank) {
  const bool all = axes.empty() && node.attr_int("noop_with_empty_axes", 0) == 0;
  std::vector<bool> marked(static_cast<size_t>(rank), all);
  for (int64_t axis : normalize_axes(axes, rank)) marked[static_cast<size_t>(axis)] = true;
  return marked;
}

template <template <class> class Fold, class List>
void eval_reduce(EvalContext& c) {
  const Tensor& x = c.input(0);
  const std::vector<int64_t> given = c.has_input(1) ? c.input_ints(1) : std::vector<int64_t>();
  const std::vector<bool> marked = marked_axes(c, c.has_input(1) ? given : c.attr_ints("axes"), x.rank());
  Tensor& out = c.output(0, x.dtype(), reduced_shape(x.shape(), marked, c.attr_int("keepdims") == 1));
  const ReductionPlan plan(x.shape(), marked);
  const int64_t grain = 1 + 32768 / (plan.count() + 1);
  dispatch(List{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    c.parallel_for(plan.outputs(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Fold<T> fold;
        plan.for_rows(i, [&](int64_t offset, int64_t count, int64_t step) {
          in_pieces(count, [&](int64_t first, int64_t last) {
            for (int64_t k = first; k < last; ++k) fold.add(from[offset + k * step]);
          });
        });
        to[i] = fold.result(plan.count());
      }
    });
  });
}

using FoldDims = std::optional<Dim> (*)(const std::vector<Dim>&);

std::optional<Dim> no_dims(const std::vector<Dim>&) { return {}; }

std::optional<Dim> sum_of(const std::vector<Dim>& dims) {
  Dim sum(0);
  for (const Dim& dim : dims) sum = sum + dim;
  return sum;
}

std::optional<Dim> product_of(const std::vector<Dim>& dims) {
  Dim result(1);
  for (const Dim& dim : dims) result = result * dim;
  return result;
}

std::optional<Dim> max_of(const std::vector<Dim>& dims) {
  if (dims.empty()) return {};
  Dim best = dims.front();
  for (const Dim& dim : dims) best = max(best, dim);
  return best;
}

std::optional<Dim> min_of(const std::vector<Dim>& dims) {
  if (dims.empty()) return {};
  Dim best = dims.front();
  for (const Dim& dim : dims) best = min(best, dim);
  return best;
}

/// The shape while the axes are known only by their number: with keepdims the rank stays, without it falls by it.
std::optional<SymShape> shape_without_axes(const InferContext& c, const SymShape& shape, bool keepdims) {
  if (keepdims) return SymShape(shape.size());
  const SymShape* axes = c.shape(1);
  if (!axes || axes->size() != 1 || !(*axes)[0].is_known()) return {};
  const int64_t count = (*axes)[0].value();
  if (count == 0) return {};
  if (count > static_cast<int64_t>(shape.size())) {
    fail(ErrorCode::invalid_argument, "{} axes are given for a tensor of rank {}", count, shape.size());
  }
  return SymShape(shape.size() - static_cast<size_t>(count));
}

template <FoldDims fold>
void infer_reduce(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0));
  const bool keepdims = c.attr_int("keepdims") == 1;
  std::vector<int64_t> axes;
  if (c.has_input(1)) {
    const auto known = c.ints(1);
    const SymShape* extent = c.shape(1);
    const bool empty = extent && extent->size() == 1 && (*extent)[0] == Dim(0);
    if (!known && !empty) return c.set_output(0, c.dtype(0), shape_without_axes(c, *shape, keepdims));
    if (known) axes = *known;
  } else {
    axes.assign(c.attr_ints("axes").begin(), c.attr_ints("axes").end());
  }
  const std::vector<bool> marked = marked_axes(c, axes, static_cast<int64_t>(shape->size()));
  SymShape result;
  for (size_t i = 0; i < shape->size(); ++i) {
    if (!marked[i]) {
      result.push_back((*shape)[i]);
    } else if (keepdims) {
      result.emplace_back(1);
    }
  }
  c.set_output(0, c.dtype(0), result);
  if (shape->size() != 1 || !marked[0] || c.dtype(0) != DType::i64) return;
  if (const auto dims = c.dims(0)) {
    if (const auto folded = fold(*dims)) c.set_dims(0, {*folded});
  }
}

}  // namespace

extern const OpDef reduce_l1_op{"", "ReduceL1", reduce_l1_versions, infer_reduce<no_dims>,
                                eval_reduce<L1, ReduceTypes>};
extern const OpDef reduce_l2_op{"", "ReduceL2", reduce_l2_versions, infer_reduce<no_dims>,
                                eval_reduce<L2, ReduceTypes>};
extern const OpDef reduce_log_sum_op{"", "ReduceLogSum", reduce_log_sum_versions, infer_reduce<no_dims>,
                                     eval_reduce<LogSum, ReduceTypes>};
extern const OpDef reduce_log_sum_exp_op{"", "ReduceLogSumExp", reduce_log_sum_exp_versions, infer_reduce<no_dims>,
                                         eval_reduce<LogSumExp, ReduceTypes>};
extern const OpDef reduce_max_op{"", "ReduceMax", reduce_max_versions, infer_reduce<max_of>,
                                 eval_reduce<Max, MaxTypes>};
extern const OpDef reduce_mean_op{"", "ReduceMean", reduce_mean_versions, infer_reduce<no_dims>,
                                  eval_reduce<Mean, ReduceTypes>};
extern const OpDef reduce_min_op{"", "ReduceMin", reduce_min_versions, infer_reduce<min_of>,
                                 eval_reduce<Min, MaxTypes>};
extern const OpDef reduce_prod_op{"", "ReduceProd", reduce_prod_versions, infer_reduce<product_of>,
                                  eval_reduce<Prod, ReduceTypes>};
extern const OpDef reduce_sum_op{"", "ReduceSum", reduce_sum_versions, infer_reduce<sum_of>,
                                 eval_reduce<Sum, ReduceTypes>};
extern const OpDef reduce_sum_square_op{"", "ReduceSumSquare", reduce_sum_square_versions, infer_reduce<no_dims>,
                                        eval_reduce<SumSquare, ReduceTypes>};

}  // namespace kiln::ops
