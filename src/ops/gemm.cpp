#include <type_traits>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/gemm.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/saturate.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gemm_versions[] = {
    {1, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 broadcast:int=0 transA:int=0 transB:int=0", "T=real"},
    {6, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 broadcast:int=0 transA:int=0 transB:int=0", "T=real"},
    {7, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real"},
    {9, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64"},
    {11, "A:T B:T C?:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T C?:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

bool transposes(const NodeView& node, const char* name) { return node.attr_int(name, 0) != 0; }

/// Version 1 and 6 add C as it is unless `broadcast` is set; later ones always broadcast it.
bool broadcasts(const NodeView& node) { return node.version() >= 7 || node.attr_int("broadcast", 0) != 0; }

void check_added(InferContext& context, const SymShape& output) {
  if (!context.has_input(2) || !context.shape(2)) return;
  const SymShape& c = *context.shape(2);
  if (c.size() > 2 || (!broadcasts(context) && c.size() != 2)) {
    fail(ErrorCode::invalid_argument, "C has shape {}, which cannot be added to {}", to_string(c), to_string(output));
  }
  for (size_t i = 1; i <= c.size(); ++i) {
    const Dim &from = c[c.size() - i], &to = output[2 - i];
    if (broadcasts(context) && from == Dim(1)) continue;
    merge_dims(from, to, "the shapes of C and of the output");
  }
}

void infer_gemm(InferContext& context) {
  context.set_output(0, context.dtype(0));
  SymShape output(2);
  for (size_t i : {0, 1}) {
    if (context.shape(i) && context.shape(i)->size() != 2) {
      fail(ErrorCode::invalid_argument, "input {} must be a matrix, found shape {}", i, to_string(*context.shape(i)));
    }
  }
  const bool a_turned = transposes(context, "transA"), b_turned = transposes(context, "transB");
  if (const SymShape* a = context.shape(0)) output[0] = (*a)[a_turned ? 1 : 0];
  if (const SymShape* b = context.shape(1)) output[1] = (*b)[b_turned ? 0 : 1];
  if (context.shape(0) && context.shape(1)) {
    merge_dims((*context.shape(0))[a_turned ? 0 : 1], (*context.shape(1))[b_turned ? 1 : 0], "the depths of A and B");
  }
  check_added(context, output);
  context.set_output(0, context.dtype(0), output);
}

struct Matrix {
  const Tensor& tensor;
  bool turned;
  int64_t rows() const { return tensor.dim(turned ? 1 : 0); }
  int64_t columns() const { return tensor.dim(turned ? 0 : 1); }

  template <class T, class To>
  void copy_row(int64_t row, int64_t begin, int64_t count, To* to) const {
    const int64_t row_step = turned ? 1 : tensor.dim(1), column_step = turned ? tensor.dim(1) : 1;
    copy_run(tensor.data<T>() + row * row_step + begin * column_step, column_step, count, to);
  }
};

template <class T, class Sum>
Tensor multiply(EvalContext& context, const Matrix& a, const Matrix& b) {
  Tensor product = context.host().allocate(dtype_of<Sum>, {a.rows(), b.columns()});
  gemm<Sum>(
      context, {1, a.rows(), b.columns(), a.columns()},
      [&](int64_t, int64_t row, int64_t begin, int64_t count, Sum* to) { a.copy_row<T>(row, begin, count, to); },
      [&](int64_t, int64_t row, int64_t begin, int64_t count, Sum* to) { b.copy_row<T>(row, begin, count, to); },
      product.mutable_data<Sum>());
  return product;
}

/// alpha * AB + beta * C as numpy computes it: floats are rounded to T after each step, integers go through double
/// where a factor is not 1.
template <class T>
T combine(T product, float alpha, const T* c, float beta) {
  if constexpr (std::is_integral_v<T>) {
    if (alpha == 1 && (!c || beta == 1)) {
      using Wrapping = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<Wrapping>(product) + static_cast<Wrapping>(c ? *c : T{0}));
    }
    double sum = static_cast<double>(product) * static_cast<double>(alpha);
    if (c) sum += static_cast<double>(*c) * static_cast<double>(beta);
    return saturated<T>(sum);
  } else {
    const T scaled = T(product * alpha);
    return c ? T(scaled + T(*c * beta)) : scaled;
  }
}

template <class T>
void eval_typed(EvalContext& context, const Matrix& a, const Matrix& b) {
  const Tensor product = multiply<T, GemmType<T>>(context, a, b);
  const Shape& shape = product.shape();
  const float alpha = context.attr_float("alpha"), beta = context.attr_float("beta");
  const Tensor* c = context.has_input(2) && beta != 0 ? &context.input(2) : nullptr;
  Tensor& y = context.output(0, dtype_of<T>, shape);
  const auto* products = product.data<GemmType<T>>();
  T* to = y.mutable_data<T>();
  const BroadcastPlan plan(shape, {c ? c->shape() : Shape{}});
  context.parallel_for(y.size(), 32768, [&](int64_t begin, int64_t end) {
    plan.for_rows(begin, end, [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
      const T* added = c ? c->data<T>() + offsets[0] : nullptr;
      for (int64_t i = 0; i < count; ++i) {
        to[at + i] = combine(static_cast<T>(products[at + i]), alpha, added ? added + i * steps[0] : nullptr, beta);
      }
    });
  });
}

void check_shapes(const EvalContext& context, const Matrix& a, const Matrix& b) {
  if (a.tensor.rank() != 2 || b.tensor.rank() != 2 || a.columns() != b.rows()) {
    fail(ErrorCode::invalid_argument, "A of shape {}{} cannot be multiplied with B of shape {}{}",
         to_string(a.tensor.shape()), a.turned ? ", transposed," : "", to_string(b.tensor.shape()),
         b.turned ? ", transposed" : "");
  }
  if (!context.has_input(2)) return;
  const Shape &c = context.input(2).shape(), output{a.rows(), b.columns()};
  if (c.size() > 2 || (!broadcasts(context) && c != output) || broadcast_shapes(c, output) != output) {
    fail(ErrorCode::invalid_argument, "C of shape {} cannot be added to {}", to_string(c), to_string(output));
  }
}

void eval_gemm(EvalContext& context) {
  const Matrix a{context.input(0), transposes(context, "transA")}, b{context.input(1), transposes(context, "transB")};
  check_shapes(context, a, b);
  dispatch(Join<FloatTypes, Types<int32_t, int64_t, uint32_t, uint64_t>>{}, a.tensor.dtype(),
           [&]<class T> { eval_typed<T>(context, a, b); });
}

}  // namespace

extern const OpDef gemm_op{"", "Gemm", gemm_versions, infer_gemm, eval_gemm};

}  // namespace kiln::ops
