#include <cmath>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/reduction.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mean_variance_normalization_versions[] = {
    {9, "X:T -> Y:T", "axes:ints=[0,2,3]", "T=real"},
    {13, "X:T -> Y:T", "axes:ints=[0,2,3]", "T=real,bf16"},
};

void infer_mean_variance_normalization(InferContext& c) {
  if (const SymShape* shape = c.shape(0)) normalize_axes(c.attr_ints("axes"), static_cast<int64_t>(shape->size()));
  c.set_output(0, c.type(0));
}

/// (x - mean) / (sqrt(variance) + 1e-9) over the elements that lie together in `plan`'s output `index`.
template <class T>
void normalize_set(const ReductionPlan& plan, int64_t index, const T* from, T* to) {
  const double size = static_cast<double>(plan.count());
  double sum = 0, squares = 0;
  plan.for_rows(index, [&](int64_t offset, int64_t count, int64_t step) {
    for (int64_t k = 0; k < count; ++k) sum += static_cast<double>(from[offset + k * step]);
  });
  const double mean = sum / size;
  plan.for_rows(index, [&](int64_t offset, int64_t count, int64_t step) {
    for (int64_t k = 0; k < count; ++k) {
      const double deviation = static_cast<double>(from[offset + k * step]) - mean;
      squares += deviation * deviation;
    }
  });
  const double divisor = std::sqrt(squares / size) + static_cast<double>(1e-9f);
  plan.for_rows(index, [&](int64_t offset, int64_t count, int64_t step) {
    for (int64_t k = 0; k < count; ++k) {
      const int64_t at = offset + k * step;
      to[at] = static_cast<T>((static_cast<double>(from[at]) - mean) / divisor);
    }
  });
}

void eval_mean_variance_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const auto axes = c.attr_ints("axes");
  std::vector<bool> reduced(x.shape().size(), axes.empty());
  for (int64_t axis : normalize_axes(axes, x.rank())) reduced[static_cast<size_t>(axis)] = true;
  const ReductionPlan plan(x.shape(), reduced);
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    c.parallel_for(plan.outputs(), 1 + 32768 / (plan.count() + 1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) normalize_set(plan, i, from, to);
    });
  });
}

}  // namespace

extern const OpDef mean_variance_normalization_op{"", "MeanVarianceNormalization", mean_variance_normalization_versions,
                                                  infer_mean_variance_normalization, eval_mean_variance_normalization};

}  // namespace kiln::ops
