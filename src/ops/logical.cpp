#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText and_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText or_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText xor_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText not_versions[] = {
    {1, "X:T -> Y:T", "", "T=bool"},
};

using Booleans = Types<int64_t>;

void eval_and(EvalContext& c) {
  eval_predicate(Booleans{}, c, [](int64_t a, int64_t b) { return a & b; });
}
void eval_or(EvalContext& c) {
  eval_predicate(Booleans{}, c, [](int64_t a, int64_t b) { return a | b; });
}
void eval_xor(EvalContext& c) {
  eval_predicate(Booleans{}, c, [](int64_t a, int64_t b) { return a ^ b; });
}
void eval_not(EvalContext& c) {
  eval_unary(Booleans{}, c, [](int64_t x) { return x ^ 1; });
}
void infer_logical(InferContext& c) { infer_binary_to(c, DType::boolean); }

}  // namespace

extern const OpDef and_op{"", "And", and_versions, infer_logical, eval_and};
extern const OpDef or_op{"", "Or", or_versions, infer_logical, eval_or};
extern const OpDef xor_op{"", "Xor", xor_versions, infer_logical, eval_xor};
extern const OpDef not_op{"", "Not", not_versions, infer_same_as_first, eval_not};

}  // namespace kiln::ops
