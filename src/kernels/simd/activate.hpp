#pragma once

#include "kernels/epilogue.hpp"
#include "kernels/simd/math.hpp"

namespace kiln {

/// The activation of a register, chosen at compile time.
template <Activation activation, class V>
[[gnu::always_inline]] inline V activate(V x, float alpha, float beta) {
  const V zero = V::all(0.0f), one = V::all(1.0f);
  if constexpr (activation == Activation::relu) return max(zero, x);
  if constexpr (activation == Activation::leaky_relu) return V::select(x < zero, V::all(alpha) * x, x);
  if constexpr (activation == Activation::clip) return min(V::all(beta), max(V::all(alpha), x));
  if constexpr (activation == Activation::hard_swish) {
    return x * min(one, max(zero, fma(x, V::all(1 / 6.0f), V::all(0.5f))));
  }
  if constexpr (activation == Activation::scaled_hard_swish) {
    return fma(V::all(alpha), activate<Activation::hard_swish>(x, 0, 0), V::all(beta));
  }
  if constexpr (activation == Activation::hard_sigmoid) {
    return min(one, max(zero, fma(x, V::all(alpha), V::all(beta))));
  }
  if constexpr (activation == Activation::silu) return x / one_plus_exp_minus(x);
  if constexpr (activation == Activation::mish) {
    // tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2); past 20 it is 1 in f32.
    const V e = exp(min(V::all(20.0f), x)), n = e * (e + V::all(2.0f));
    return x * (n / (n + V::all(2.0f)));
  }
  if constexpr (activation == Activation::gelu_erf) {
    const V half = V::all(0.5f) * x;
    return fma(half, erf(x * V::all(0.70710678f)), half);
  }
  if constexpr (activation == Activation::gelu_tanh) {
    const V half = V::all(0.5f) * x, cube = x * x * x;
    return fma(half, tanh(V::all(0.79788456f) * fma(V::all(0.044715f), cube, x)), half);
  }
  if constexpr (activation == Activation::sigmoid) return sigmoid(x);
  if constexpr (activation == Activation::tanh) return tanh(x);
  if constexpr (activation == Activation::none) return x;
}

/// Calls body with the activation as a compile-time constant: body.template operator()<Activation::relu>().
template <class Body>
[[gnu::always_inline]] inline void with_activation(Activation activation, Body&& body) {
  switch (activation) {
    case Activation::none: return body.template operator()<Activation::none>();
    case Activation::relu: return body.template operator()<Activation::relu>();
    case Activation::leaky_relu: return body.template operator()<Activation::leaky_relu>();
    case Activation::clip: return body.template operator()<Activation::clip>();
    case Activation::hard_swish: return body.template operator()<Activation::hard_swish>();
    case Activation::hard_sigmoid: return body.template operator()<Activation::hard_sigmoid>();
    case Activation::silu: return body.template operator()<Activation::silu>();
    case Activation::mish: return body.template operator()<Activation::mish>();
    case Activation::gelu_erf: return body.template operator()<Activation::gelu_erf>();
    case Activation::gelu_tanh: return body.template operator()<Activation::gelu_tanh>();
    case Activation::sigmoid: return body.template operator()<Activation::sigmoid>();
    case Activation::tanh: return body.template operator()<Activation::tanh>();
    case Activation::scaled_hard_swish: return body.template operator()<Activation::scaled_hard_swish>();
  }
}

}  // namespace kiln
