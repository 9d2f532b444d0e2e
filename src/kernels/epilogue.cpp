#include "kernels/epilogue.hpp"

#include <limits>

namespace kiln {

EpiloguePlan::EpiloguePlan(const Epilogue& e) : epilogue(e) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const bool clamps =
      e.activation == Activation::none || e.activation == Activation::relu || e.activation == Activation::clip;
  pass = !clamps || e.residual == Residual::after_activation;
  low = -infinity;
  high = infinity;
  if (!pass && e.activation == Activation::relu) low = 0;
  if (!pass && e.activation == Activation::clip) low = e.alpha, high = e.beta;
  switch (e.activation) {
    case Activation::clip: moves_zero = !(e.alpha <= 0 && e.beta >= 0); break;
    case Activation::hard_sigmoid: moves_zero = !(e.beta <= 0); break;
    case Activation::sigmoid: moves_zero = true; break;
    case Activation::scaled_hard_swish: moves_zero = e.beta != 0; break;
    default: moves_zero = false;
  }
}

}  // namespace kiln
