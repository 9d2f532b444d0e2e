#include <cmath>

#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText pow_versions[] = {
    {1, "X:T Y:T -> Z:T", "axis:int broadcast:int=0", "T=real"},
    {7, "X:T Y:T -> Z:T", "", "T=real"},
    {12, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64 T1=numeric"},
    {13, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64,bf16 T1=numeric"},
    {15, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64,bf16 T1=numeric,bf16"},
};

/// base^exponent in integers, wrapping. A negative exponent leaves the integer part of the fraction.
template <class Exponent>
int64_t integer_power(int64_t base, Exponent exponent) {
  if (exponent < Exponent{0}) {
    const bool odd = (static_cast<uint64_t>(exponent) & 1) != 0;
    return base == 1 ? 1 : base == -1 ? (odd ? -1 : 1) : 0;
  }
  uint64_t result = 1, square = static_cast<uint64_t>(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest != 0; rest >>= 1, square *= square) {
    if ((rest & 1) != 0) result *= square;
  }
  return static_cast<int64_t>(result);
}

template <class Base, class Exponent>
Base power(Base base, Exponent exponent) {
  if constexpr (std::is_integral_v<Base> && std::is_integral_v<Exponent>) {
    return integer_power(base, exponent);
  } else if constexpr (std::is_integral_v<Base>) {
    return float_to_int<Base>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  } else if constexpr (std::is_same_v<Base, Exponent>) {
    return std::pow(base, exponent);
  } else {
    return static_cast<Base>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
}

// The exponents have a type of their own; the result has that of the bases.
void eval_pow(EvalContext& c) {
  const DType base = c.input(0).dtype(), exponent = c.input(1).dtype();
  Tensor& out = c.output(0, base, binary_shape(c));
  const std::vector<Operand> operands = binary_operands(c);
  dispatch_carrier(SignedCarriers{}, base, [&]<class Base> {
    dispatch_carrier(Carriers{}, exponent, [&]<class Exponent> {
      map_elements<Base, Base, Exponent>(c, operands, out, power<Base, Exponent>);
    });
  });
}

}  // namespace

extern const OpDef pow_op{"", "Pow", pow_versions, infer_binary, eval_pow};

}  // namespace kiln::ops
