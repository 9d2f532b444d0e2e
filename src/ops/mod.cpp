#include <cmath>

#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mod_versions[] = {
    {10, "A:T B:T -> C:T", "fmod:int=0", "T=numeric"},
    {13, "A:T B:T -> C:T", "fmod:int=0", "T=numeric,bf16"},
    {28, "A:T B:T -> C:T", "fmod:int=0", "T=numeric,bf16"},
};

/// The remainder of division towards zero, with the sign of a. Integers: zero for b == 0.
template <class T>
T truncated_remainder(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(a, b);
  } else {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    return a % b;
  }
}

/// The remainder of division rounded down, with the sign of b.
template <class T>
T floored_remainder(T a, T b) {
  const T remainder = truncated_remainder(a, b);
  if constexpr (std::is_floating_point_v<T>) {
    if (remainder == 0) return std::copysign(remainder, b);
  }
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

void eval_mod(EvalContext& c) {
  if (c.attr_int("fmod") != 0) {
    eval_binary(Carriers{}, c, []<class T>(T a, T b) { return truncated_remainder(a, b); });
  } else {
    eval_binary(Carriers{}, c, []<class T>(T a, T b) { return floored_remainder(a, b); });
  }
}

void infer_mod(InferContext& c) {
  infer_binary(c);
  propagate_dims(c, [](const Dim& a, const Dim& b) {
    return never_negative(a) && b.is_known() && b.value() > 0 ? a - b * floor_div(a, b) : Dim();
  });
}

}  // namespace

extern const OpDef mod_op{"", "Mod", mod_versions, infer_mod, eval_mod};

}  // namespace kiln::ops
