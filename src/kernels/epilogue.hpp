#pragma once

#include <cstdint>

namespace kiln {

enum class Activation : uint8_t {
  none,
  relu,
  leaky_relu,  ///< alpha x below 0
  clip,        ///< to [alpha, beta]
  hard_swish,
  hard_sigmoid,  ///< alpha x + beta, to [0, 1]
  silu,
  mish,
  gelu_erf,
  gelu_tanh,
  sigmoid,
  tanh,
  scaled_hard_swish,  ///< alpha hard_swish(x) + beta
};
constexpr int activation_count = 13;

/// Whether a tensor of the output's layout is added, and when.
enum class Residual : uint8_t { none, before_activation, after_activation };

/// What is done to a sum with its bias before it is written.
struct Epilogue {
  Activation activation = Activation::none;
  float alpha = 0, beta = 0;
  Residual residual = Residual::none;
};

/// How a kernel does an epilogue: the sums are clamped to [low, high] in registers; where `pass` is set, the rest is
/// done by a pass over the tile just written.
struct EpiloguePlan {
  explicit EpiloguePlan(const Epilogue& epilogue);

  Epilogue epilogue;
  float low, high;
  bool pass;
  bool moves_zero;  ///< the activation of 0 is not 0, so that channel padding must be cleared after it
};

}  // namespace kiln
