#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText where_versions[] = {
    {9, "condition:B X:T Y:T -> output:T", "", "B=bool T=basic"},
    {16, "condition:B X:T Y:T -> output:T", "", "B=bool T=basic,bf16"},
};

void eval_where(EvalContext& c) {
  const Tensor& condition = c.input(0);
  const Tensor& x = c.input(1);
  const Tensor& y = c.input(2);
  if (condition.dtype() != DType::boolean || x.dtype() != y.dtype()) {
    fail(ErrorCode::invalid_argument, "found a condition of type {} and choices of types {} and {}",
         dtype_name(condition.dtype()), dtype_name(x.dtype()), dtype_name(y.dtype()));
  }
  const Shape shape = broadcast_shapes(broadcast_shapes(condition.shape(), x.shape()), y.shape());
  Tensor& out = c.output(0, x.dtype(), shape);
  dispatch_by_size(x.dtype(), [&]<class T> {
    walk_stored(c, {condition, x, y}, out,
                [](const void* const* in, const int64_t* steps, void* output, int64_t count) {
                  const auto* chosen = static_cast<const uint8_t*>(in[0]);
                  const T* a = static_cast<const T*>(in[1]);
                  const T* b = static_cast<const T*>(in[2]);
                  T* to = static_cast<T*>(output);
                  for (int64_t i = 0; i < count; ++i) {
                    to[i] = chosen[i * steps[0]] != 0 ? a[i * steps[1]] : b[i * steps[2]];
                  }
                });
  });
}

const Dim& element(const std::vector<Dim>& elements, size_t index) {
  return elements[elements.size() == 1 ? 0 : index];
}

void infer_where(InferContext& c) {
  infer_broadcast_to(c, c.dtype(1) == DType::undefined ? c.dtype(2) : c.dtype(1));
  const Tensor* condition = c.constant(0);
  const auto x = c.dims(1), y = c.dims(2);
  if (!condition || condition->dtype() != DType::boolean || condition->rank() > 1 || !x || !y) return;
  const auto chosen = condition->elements<bool>();
  const size_t count = std::max({chosen.size(), x->size(), y->size()});
  const auto fits = [count](size_t size) { return size == count || size == 1; };
  if (!fits(chosen.size()) || !fits(x->size()) || !fits(y->size())) return;
  std::vector<Dim> elements;
  for (size_t i = 0; i < count; ++i) {
    elements.push_back(element(chosen[chosen.size() == 1 ? 0 : i] ? *x : *y, i));
  }
  c.set_dims(0, std::move(elements));
}

}  // namespace

extern const OpDef where_op{"", "Where", where_versions, infer_where, eval_where};

}  // namespace kiln::ops
