#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

/// One of the functions that ONNX names for the gates of recurrent operators, its input clipped first.
struct RnnActivation {
  enum class Kind : uint8_t {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = Kind::tanh;
  float alpha = 0, beta = 0;
  float clip = 0;  ///< inputs are held in [-clip, clip]; 0 for no bound

  template <class Compute>
  Compute operator()(Compute x) const {
    const Compute bound = static_cast<Compute>(clip);
    return unclipped(bound > 0 ? std::min(std::max(x, -bound), bound) : x);
  }
  template <class Compute>
  Compute unclipped(Compute x) const;
};

/// The activations of all directions, `defaults` for each where the node names none.
std::vector<RnnActivation> rnn_activations(const NodeView& node, int64_t directions,
                                           const std::vector<std::string>& defaults);

template <class Compute>
Compute RnnActivation::unclipped(Compute x) const {
  const Compute a = static_cast<Compute>(alpha), b = static_cast<Compute>(beta);
  switch (kind) {
    case Kind::relu: return std::max(x, Compute{0});
    case Kind::tanh: return std::tanh(x);
    case Kind::sigmoid: return 1 / (1 + std::exp(-x));
    case Kind::affine: return a * x + b;
    case Kind::leaky_relu: return x >= 0 ? x : a * x;
    case Kind::thresholded_relu: return x >= a ? x : Compute{0};
    case Kind::scaled_tanh: return a * std::tanh(b * x);
    case Kind::hard_sigmoid: return std::min(std::max(a * x + b, Compute{0}), Compute{1});
    case Kind::elu: return x >= 0 ? x : a * std::expm1(x);
    case Kind::softsign: return x / (1 + std::abs(x));
    case Kind::softplus: return std::max(x, Compute{0}) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

}  // namespace kiln::ops
