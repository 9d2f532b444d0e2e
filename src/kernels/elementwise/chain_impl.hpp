#pragma once

#include <utility>

#include "kernels/elementwise/chain_math.hpp"
#include "kernels/elementwise/chain_table.hpp"
#include "kernels/simd/activate.hpp"

/// Included by chain_<isa>.cpp only.
namespace kiln {

template <class V>
[[gnu::always_inline]] inline V truth(typename V::Mask mask) {
  return V::select(mask, V::all(1.0f), V::all(0.0f));
}

template <ChainOpcode op, class V>
[[gnu::always_inline]] inline V chain_binary(V a, V b) {
  using O = ChainOpcode;
  if constexpr (op == O::add) return a + b;
  if constexpr (op == O::sub) return a - b;
  if constexpr (op == O::mul) return a * b;
  if constexpr (op == O::div) return a / b;
  // The instructions give b if either is NaN.
  if constexpr (op == O::min) return V::select(a == a, min(a, b), a);
  if constexpr (op == O::max) return V::select(a == a, max(a, b), a);
  if constexpr (op == O::pow) {
    return lane_by_lane(a, b, [](float x, float y) { return __builtin_powf(x, y); });
  }
  if constexpr (op == O::prelu) return V::select(a < V::all(0.0f), a * b, a);
  if constexpr (op == O::equal) return truth<V>(a == b);
  if constexpr (op == O::less) return truth<V>(a < b);
  if constexpr (op == O::less_or_equal) return truth<V>(a <= b);
  if constexpr (op == O::greater) return truth<V>(b < a);
  if constexpr (op == O::greater_or_equal) return truth<V>(b <= a);
  if constexpr (op == O::logical_and) return a * b;
  if constexpr (op == O::logical_or) return max(a, b);
  if constexpr (op == O::logical_xor) return abs(a - b);
}

/// Operators that are an activation of an epilogue too.
constexpr Activation activation_of(ChainOpcode op) {
  switch (op) {
    case ChainOpcode::relu: return Activation::relu;
    case ChainOpcode::leaky_relu: return Activation::leaky_relu;
    case ChainOpcode::clip: return Activation::clip;
    case ChainOpcode::hard_swish: return Activation::hard_swish;
    case ChainOpcode::hard_sigmoid: return Activation::hard_sigmoid;
    case ChainOpcode::mish: return Activation::mish;
    case ChainOpcode::gelu_erf: return Activation::gelu_erf;
    case ChainOpcode::gelu_tanh: return Activation::gelu_tanh;
    case ChainOpcode::sigmoid: return Activation::sigmoid;
    case ChainOpcode::tanh: return Activation::tanh;
    default: return Activation::none;
  }
}

template <ChainOpcode op, class V>
[[gnu::always_inline]] inline V chain_unary(V a, float alpha, float beta) {
  using O = ChainOpcode;
  const V zero = V::all(0.0f), one = V::all(1.0f);
  if constexpr (activation_of(op) != Activation::none) return activate<activation_of(op)>(a, alpha, beta);
  if constexpr (op == O::copy) return a;
  if constexpr (op == O::neg) return V::all(-0.0f) - a;
  if constexpr (op == O::abs) return abs(a);
  if constexpr (op == O::sqrt) return sqrt(a);
  if constexpr (op == O::reciprocal) return one / a;
  if constexpr (op == O::square) return a * a;
  if constexpr (op == O::cube) return a * a * a;
  if constexpr (op == O::pow_half || op == O::pow_minus_half) {
    const V root = V::select(a == V::all(-chain_infinity), V::all(chain_infinity), zero + sqrt(a));
    return op == O::pow_half ? root : one / root;
  }
  if constexpr (op == O::exp) return exp(a);
  if constexpr (op == O::log) return log(a);
  if constexpr (op == O::floor) return floor(a);
  if constexpr (op == O::ceil) return ceil(a);
  if constexpr (op == O::round) return round_any(a);
  if constexpr (op == O::sign) return V::select(zero < a, one, V::select(a < zero, V::all(-1.0f), a));
  if constexpr (op == O::sin) return sine<false>(a);
  if constexpr (op == O::cos) return sine<true>(a);
  if constexpr (op == O::erf) return erf(a);
  if constexpr (op == O::silu) return a / one_plus_exp_minus(V::all(alpha) * a);
  if constexpr (op == O::elu) return V::select(a < zero, V::all(alpha) * exp_minus_1(a), a);
  if constexpr (op == O::selu) return V::all(beta) * V::select(zero < a, a, V::all(alpha) * exp_minus_1(a));
  if constexpr (op == O::celu) return V::select(a < zero, V::all(alpha) * exp_minus_1(a / V::all(alpha)), a);
  if constexpr (op == O::softplus) return softplus(a);
  if constexpr (op == O::softsign) return a / (one + abs(a));
  if constexpr (op == O::thresholded_relu) return V::select(V::all(alpha) < a, a, zero);
  if constexpr (op == O::logical_not) return one - a;
  if constexpr (op == O::is_nan) return V::select(a == a, zero, one);
  if constexpr (op == O::is_inf) {
    return V::select(a == V::all(-chain_infinity), V::all(alpha),
                     V::select(a == V::all(chain_infinity), V::all(beta), zero));
  }
}

template <ChainOpcode op, class V>
[[gnu::always_inline]] inline V chain_step(V a, V b, V c, float alpha, float beta) {
  constexpr int operands = chain_operands(op);
  if constexpr (operands == 3) return V::select(V::all(0.0f) < a, b, c);
  if constexpr (operands == 2) return chain_binary<op>(a, b);
  if constexpr (operands == 1) return chain_unary<op>(a, alpha, beta);
}

/// An operand in a row: `fixed` ones are in a register, the others are read.
template <bool fixed, class V>
struct ChainSource {
  const float* at;
  V value;

  [[gnu::always_inline]] void start(const float* row, bool per_lane) {
    at = row;
    if constexpr (fixed) value = per_lane ? V::load(row) : V::all(*row);
  }
  [[gnu::always_inline]] V get(int64_t i) const {
    if constexpr (fixed) return value;
    return V::load(at + i);
  }
  [[gnu::always_inline]] V get_first(int64_t i, int n) const {
    if constexpr (fixed) return value;
    return V::load_first(at + i, n);
  }
};

template <Isa isa, ChainOpcode op, int fixed>
[[gnu::noinline]] void chain_loop(const ChainArgs& p) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes, operands = chain_operands(op);
  const V none = V::all(0.0f);
  const float alpha = p.alpha, beta = p.beta;
  ChainSource<(fixed & 1) != 0, V> a{};
  ChainSource<(fixed & 2) != 0, V> b{};
  ChainSource<(fixed & 4) != 0, V> c{};
  const int64_t whole = p.count / lanes * lanes;
  const int rest = static_cast<int>(p.count - whole);
  for (int64_t row = 0; row < p.rows; ++row) {
    a.start(p.a + row * p.a_row, p.per_lane);
    if constexpr (operands > 1) b.start(p.b + row * p.b_row, p.per_lane);
    if constexpr (operands > 2) c.start(p.c + row * p.c_row, p.per_lane);
    float* const out = p.out + row * p.out_row;
    for (int64_t i = 0; i < whole; i += lanes) {
      V y = none, z = none;
      if constexpr (operands > 1) y = b.get(i);
      if constexpr (operands > 2) z = c.get(i);
      chain_step<op>(a.get(i), y, z, alpha, beta).store(out + i);
    }
    if (rest != 0) {
      V y = none, z = none;
      if constexpr (operands > 1) y = b.get_first(whole, rest);
      if constexpr (operands > 2) z = c.get_first(whole, rest);
      chain_step<op>(a.get_first(whole, rest), y, z, alpha, beta).store_first(out + whole, rest);
    }
  }
}

/// to[i] = convert(from[i]), in pieces of a size that compilers make vectors of.
template <Isa isa, class From, class To, class Convert>
[[gnu::always_inline]] inline void chain_convert(const ChainArgs& p, const From* from, To* to, Convert convert) {
  constexpr int piece = 16;
  for (int64_t row = 0; row < p.rows; ++row, from += p.a_row, to += p.out_row) {
    int64_t i = 0;
    for (; i + piece <= p.count; i += piece) {
      for (int j = 0; j < piece; ++j) to[i + j] = convert(from[i + j]);
    }
    for (; i < p.count; ++i) to[i] = convert(from[i]);
  }
}

template <Isa isa>
[[gnu::noinline]] void chain_from_bool(const ChainArgs& p) {
  chain_convert<isa>(p, reinterpret_cast<const uint8_t*>(p.a), p.out, [](uint8_t x) { return x != 0 ? 1.0f : 0.0f; });
}

template <Isa isa>
[[gnu::noinline]] void chain_to_bool(const ChainArgs& p) {
  chain_convert<isa>(p, p.a, reinterpret_cast<uint8_t*>(p.out),
                     [](float x) { return static_cast<uint8_t>(x != 0 ? 1 : 0); });
}

template <Isa isa>
[[gnu::noinline]] void chain_keep_lanes(const ChainArgs& p) {
  using V = Vec<float, isa>;
  float kept[V::lanes];
  for (int i = 0; i < V::lanes; ++i) kept[i] = static_cast<float>(i) < p.alpha ? 1.0f : 0.0f;
  const auto mask = V::all(0.0f) < V::load(kept);
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t i = 0; i < p.count; i += V::lanes) {
      V::select(mask, V::load(p.a + row * p.a_row + i), V::all(0.0f)).store(p.out + row * p.out_row + i);
    }
  }
}

/// The forms of an operator of which at least one operand is not fixed; of a copy, both.
template <Isa isa, ChainOpcode op>
constexpr void fill_chain(ChainFunction (&run)[8]) {
  run[0] = chain_loop<isa, op, 0>;
  if constexpr (chain_operands(op) > 1) run[1] = chain_loop<isa, op, 1>, run[2] = chain_loop<isa, op, 2>;
  if constexpr (chain_operands(op) > 2) {
    run[3] = chain_loop<isa, op, 3>, run[4] = chain_loop<isa, op, 4>;
    run[5] = chain_loop<isa, op, 5>, run[6] = chain_loop<isa, op, 6>;
  }
  if constexpr (op == ChainOpcode::copy) run[1] = chain_loop<isa, op, 1>;
}

template <Isa isa, int... op>
constexpr void fill_chains(ChainTable& table, std::integer_sequence<int, op...>) {
  (fill_chain<isa, static_cast<ChainOpcode>(op)>(table.run[op]), ...);
}

template <Isa isa>
constexpr ChainTable make_chain_table() {
  ChainTable table{};
  table.lanes = Vec<float, isa>::lanes;
  fill_chains<isa>(table, std::make_integer_sequence<int, chain_opcode_count>());
  table.from_bool = chain_from_bool<isa>;
  table.to_bool = chain_to_bool<isa>;
  table.keep_lanes = chain_keep_lanes<isa>;
  return table;
}

}  // namespace kiln
