#pragma once

#include <cstdint>

namespace kiln {

/// What a step of a chain does. Truths are 0.0 and 1.0. NaN, infinities and zeros give what ONNX's operators give.
enum class ChainOpcode : uint8_t {
  add,
  sub,
  mul,
  div,
  min,
  max,
  pow,
  prelu,  ///< b a where a is below 0
  equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  logical_and,
  logical_or,
  logical_xor,
  where,  ///< b where a is true, else c
  copy,
  neg,
  abs,
  sqrt,
  reciprocal,
  square,
  cube,
  pow_half,        ///< pow(a, 0.5), which differs from sqrt in -0 and -infinity
  pow_minus_half,  ///< pow(a, -0.5)
  exp,
  log,
  floor,
  ceil,
  round,  ///< ties to even
  sign,
  sin,
  cos,
  tanh,
  sigmoid,
  erf,
  relu,
  leaky_relu,  ///< alpha
  clip,        ///< to [alpha, beta], neither of them NaN
  hard_swish,
  hard_sigmoid,  ///< alpha a + beta, to [0, 1]
  silu,          ///< a sigmoid(alpha a)
  mish,
  gelu_erf,
  gelu_tanh,
  elu,   ///< alpha
  selu,  ///< alpha, and beta for gamma
  celu,  ///< alpha
  softplus,
  softsign,
  thresholded_relu,  ///< alpha
  logical_not,
  is_nan,
  is_inf,  ///< alpha and beta: whether -infinity and infinity count
};
constexpr int chain_opcode_count = static_cast<int>(ChainOpcode::is_inf) + 1;

/// How many operands it has.
constexpr int chain_operands(ChainOpcode op) { return op < ChainOpcode::where ? 2 : op == ChainOpcode::where ? 3 : 1; }

}  // namespace kiln
