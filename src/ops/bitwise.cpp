#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bitwise_and_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_or_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_xor_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_not_versions[] = {
    {18, "X:T -> Y:T", "", "T=int,uint"},
};

constexpr SchemaText bit_shift_versions[] = {
    {11, "X:T Y:T -> Z:T", "direction!:string", "T=uint"},
    {28, "X:T Y:T -> Z:T", "direction!:string", "T=int,uint"},
};

void eval_bitwise_and(EvalContext& c) {
  eval_binary(IntCarriers{}, c, [](auto a, auto b) { return a & b; });
}
void eval_bitwise_or(EvalContext& c) {
  eval_binary(IntCarriers{}, c, [](auto a, auto b) { return a | b; });
}
void eval_bitwise_xor(EvalContext& c) {
  eval_binary(IntCarriers{}, c, [](auto a, auto b) { return a ^ b; });
}
void eval_bitwise_not(EvalContext& c) {
  eval_unary(IntCarriers{}, c, [](auto x) { return ~x; });
}

bool shifts_left(const NodeView& node) {
  const std::string& direction = node.attr_string("direction");
  if (direction != "LEFT" && direction != "RIGHT") {
    fail(ErrorCode::invalid_model, "attribute 'direction' is '{}', expected 'LEFT' or 'RIGHT'", direction);
  }
  return direction == "LEFT";
}

void infer_shift(InferContext& c) {
  shifts_left(c);
  infer_broadcast(c);
}

// A shift by a negative number, or by all bits or more, leaves what the sign alone extends to.
void eval_shift(EvalContext& c) {
  const auto bits = static_cast<int>(dtype_bits(c.input(0).dtype()));
  if (shifts_left(c)) {
    eval_binary(IntCarriers{}, c, [bits]<class T>(T x, T y) {
      const bool all_out = y < T{0} || y >= static_cast<T>(bits);
      return all_out ? T{0} : static_cast<T>(static_cast<uint64_t>(x) << y);
    });
  } else {
    eval_binary(IntCarriers{}, c, [bits]<class T>(T x, T y) {
      const bool all_out = y < T{0} || y >= static_cast<T>(bits);
      return all_out ? static_cast<T>(x < T{0} ? -1 : 0) : static_cast<T>(x >> y);
    });
  }
}

}  // namespace

extern const OpDef bitwise_and_op{"", "BitwiseAnd", bitwise_and_versions, infer_broadcast, eval_bitwise_and};
extern const OpDef bitwise_or_op{"", "BitwiseOr", bitwise_or_versions, infer_broadcast, eval_bitwise_or};
extern const OpDef bitwise_xor_op{"", "BitwiseXor", bitwise_xor_versions, infer_broadcast, eval_bitwise_xor};
extern const OpDef bitwise_not_op{"", "BitwiseNot", bitwise_not_versions, infer_same_as_first, eval_bitwise_not};
extern const OpDef bit_shift_op{"", "BitShift", bit_shift_versions, infer_shift, eval_shift};

}  // namespace kiln::ops
