#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/norm.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText global_average_pool_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText global_lp_pool_versions[] = {
    {1, "X:T -> Y:T", "p:float=2", "T=real"},
    {2, "X:T -> Y:T", "p:int=2", "T=real"},
    {22, "X:T -> Y:T", "p:int=2", "T=real,bf16"},
};

constexpr SchemaText global_max_pool_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

void infer_global_pool(InferContext& context) {
  context.set_output(0, context.dtype(0));
  if (!context.shape(0) || context.shape(0)->size() < 2) return;
  SymShape output = *context.shape(0);
  std::fill(output.begin() + 2, output.end(), Dim(1));
  context.set_output(0, context.dtype(0), output);
}

void infer_global_lp_pool(InferContext& context) {
  read_norm_order(context);
  infer_global_pool(context);
}

/// Y of each channel is reduce(its elements).
template <class Reduce>
void global_pool(EvalContext& context, Reduce&& reduce) {
  const Tensor& x = context.input(0);
  if (x.rank() < 2) {
    fail(ErrorCode::invalid_argument, "the input must have at least 2 axes (N, C, ...), found shape {}",
         to_string(x.shape()));
  }
  Shape output = x.shape();
  std::fill(output.begin() + 2, output.end(), 1);
  Tensor& y = context.output(0, x.dtype(), output);
  const int64_t image = product(x.shape(), 2, x.rank());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    context.parallel_for(y.size(), 32768 / (image + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = T(reduce(from + i * image, image));
    });
  });
}

void eval_global_average_pool(EvalContext& context) {
  global_pool(context, []<class T>(const T* x, int64_t count) {
    double sum = 0;
    in_pieces(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum += x[i];
    });
    return sum / static_cast<double>(count);
  });
}

void eval_global_lp_pool(EvalContext& context) {
  const double p = read_norm_order(context);
  global_pool(context, [p]<class T>(const T* x, int64_t count) {
    NormSum sum(p);
    for (int64_t i = 0; i < count; ++i, stop_point()) sum.add(x[i]);
    return sum.norm();
  });
}

void eval_global_max_pool(EvalContext& context) {
  global_pool(context, []<class T>(const T* x, int64_t count) {
    double best = -std::numeric_limits<double>::infinity();
    in_pieces(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (x[i] > best || x[i] != x[i]) best = x[i];
      }
    });
    return best;
  });
}

}  // namespace

extern const OpDef global_average_pool_op{"", "GlobalAveragePool", global_average_pool_versions, infer_global_pool,
                                          eval_global_average_pool};
extern const OpDef global_lp_pool_op{"", "GlobalLpPool", global_lp_pool_versions, infer_global_lp_pool,
                                     eval_global_lp_pool};
extern const OpDef global_max_pool_op{"", "GlobalMaxPool", global_max_pool_versions, infer_global_pool,
                                      eval_global_max_pool};

}  // namespace kiln::ops
