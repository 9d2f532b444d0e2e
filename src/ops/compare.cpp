#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText equal_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool,i32,i64 T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool,i32,i64 T1=bool"},
    {11, "A:T B:T -> C:T1", "", "T=numeric,bool T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bool,bf16 T1=bool"},
    {19, "A:T B:T -> C:T1", "", "T=numeric,bool,bf16,string T1=bool"},
};

constexpr SchemaText greater_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=real T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=real T1=bool"},
    {9, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText greater_or_equal_versions[] = {
    {12, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {16, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText less_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=real T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=real T1=bool"},
    {9, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText less_or_equal_versions[] = {
    {12, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {16, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

void compare_strings(EvalContext& c) {
  same_dtype(c);
  Tensor& out = c.output(0, DType::boolean, binary_shape(c));
  walk_stored(c, binary_operands(c), out, [](const void* const* in, const int64_t* steps, void* to, int64_t count) {
    const auto* a = static_cast<const std::string*>(in[0]);
    const auto* b = static_cast<const std::string*>(in[1]);
    for (int64_t i = 0; i < count; ++i) static_cast<bool*>(to)[i] = a[i * steps[0]] == b[i * steps[1]];
  });
}

void eval_equal(EvalContext& c) {
  if (c.input(0).dtype() == DType::string) return compare_strings(c);
  eval_predicate(Carriers{}, c, [](auto a, auto b) { return a == b; });
}
void eval_greater(EvalContext& c) {
  eval_predicate(Carriers{}, c, [](auto a, auto b) { return a > b; });
}
void eval_greater_or_equal(EvalContext& c) {
  eval_predicate(Carriers{}, c, [](auto a, auto b) { return a >= b; });
}
void eval_less(EvalContext& c) {
  eval_predicate(Carriers{}, c, [](auto a, auto b) { return a < b; });
}
void eval_less_or_equal(EvalContext& c) {
  eval_predicate(Carriers{}, c, [](auto a, auto b) { return a <= b; });
}

void infer_compare(InferContext& c) { infer_binary_to(c, DType::boolean); }

/// Whether two sizes are equal, where that does not depend on the symbols.
std::optional<bool> provably_equal(const Dim& a, const Dim& b) {
  if (a == b) return true;
  if (a.is_known() && b.is_known()) return false;
  const bool a_is_negative = a.is_known() && a.value() < 0, b_is_negative = b.is_known() && b.value() < 0;
  if ((a_is_negative && never_negative(b)) || (b_is_negative && never_negative(a))) return false;
  return {};
}

// Exporters write Where(Equal(shape, -1), ones, shape) for Expand; the comparison is known though the shape is not.
void infer_equal(InferContext& c) {
  infer_compare(c);
  const SymShape* a_shape = c.shape(0);
  const SymShape* b_shape = c.shape(1);
  const auto a = c.dims(0), b = c.dims(1);
  if (!a || !b || !a_shape || !b_shape || a_shape->size() > 1 || b_shape->size() > 1) return;
  if (a->size() != b->size() && a->size() != 1 && b->size() != 1) return;
  const size_t count = a->size() == 1 ? b->size() : a->size();
  const bool scalar = a_shape->empty() && b_shape->empty();
  Tensor result(DType::boolean, scalar ? Shape{} : Shape{static_cast<int64_t>(count)});
  for (size_t i = 0; i < count; ++i) {
    const auto equal = provably_equal((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!equal) return;
    result.mutable_data<bool>()[i] = *equal;
  }
  c.set_constant(0, std::move(result));
}

}  // namespace

extern const OpDef equal_op{"", "Equal", equal_versions, infer_equal, eval_equal};
extern const OpDef greater_op{"", "Greater", greater_versions, infer_compare, eval_greater};
extern const OpDef greater_or_equal_op{"", "GreaterOrEqual", greater_or_equal_versions, infer_compare,
                                       eval_greater_or_equal};
extern const OpDef less_op{"", "Less", less_versions, infer_compare, eval_less};
extern const OpDef less_or_equal_op{"", "LessOrEqual", less_or_equal_versions, infer_compare, eval_less_or_equal};

}  // namespace kiln::ops
