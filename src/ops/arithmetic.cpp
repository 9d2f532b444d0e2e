#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText add_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText div_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText mul_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sub_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

// Integers wrap: they are computed as unsigned ones, which the standard lets overflow.
template <class T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;

void eval_add(EvalContext& c) {
  eval_binary(Carriers{}, c, []<class T>(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  });
}
void eval_sub(EvalContext& c) {
  eval_binary(Carriers{}, c, []<class T>(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  });
}
void eval_mul(EvalContext& c) {
  eval_binary(Carriers{}, c, []<class T>(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  });
}
// Integer quotients go towards zero; division by zero gives zero, and the smallest number over -1 wraps.
void eval_div(EvalContext& c) {
  eval_binary(Carriers{}, c, []<class T>(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return T{0};
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0 - static_cast<uint64_t>(a));
    }
    return static_cast<T>(a / b);
  });
}

void infer_add(InferContext& c) {
  infer_binary(c);
  propagate_dims(c, [](const Dim& a, const Dim& b) { return a + b; });
}
void infer_sub(InferContext& c) {
  infer_binary(c);
  propagate_dims(c, [](const Dim& a, const Dim& b) { return a - b; });
}
void infer_mul(InferContext& c) {
  infer_binary(c);
  propagate_dims(c, [](const Dim& a, const Dim& b) { return a * b; });
}
void infer_div(InferContext& c) {
  infer_binary(c);
  propagate_dims(c, [](const Dim& a, const Dim& b) {
    // Rounding down is rounding towards zero only where nothing is negative.
    return never_negative(a) && never_negative(b) ? floor_div(a, b) : Dim();
  });
}

}  // namespace

extern const OpDef add_op{"", "Add", add_versions, infer_add, eval_add};
extern const OpDef div_op{"", "Div", div_versions, infer_div, eval_div};
extern const OpDef mul_op{"", "Mul", mul_versions, infer_mul, eval_mul};
extern const OpDef sub_op{"", "Sub", sub_versions, infer_sub, eval_sub};

}  // namespace kiln::ops
