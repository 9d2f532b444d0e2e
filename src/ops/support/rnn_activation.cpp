#include "ops/support/rnn_activation.hpp"

#include <cctype>

#include "base/error.hpp"

namespace kiln::ops {

namespace {

using Kind = RnnActivation::Kind;

struct Known {
  std::string_view name;  ///< in lower case
  Kind kind;
  bool has_alpha, has_beta;
  float alpha, beta;  ///< where the node gives none
};

constexpr Known known[] = {
    {"relu", Kind::relu, false, false, 0, 0},
    {"tanh", Kind::tanh, false, false, 0, 0},
    {"sigmoid", Kind::sigmoid, false, false, 0, 0},
    {"affine", Kind::affine, true, true, 1, 0},
    {"leakyrelu", Kind::leaky_relu, true, false, 0.01f, 0},
    {"thresholdedrelu", Kind::thresholded_relu, true, false, 1, 0},
    {"scaledtanh", Kind::scaled_tanh, true, true, 1, 1},
    {"hardsigmoid", Kind::hard_sigmoid, true, true, 0.2f, 0.5f},
    {"elu", Kind::elu, true, false, 1, 0},
    {"softsign", Kind::softsign, false, false, 0, 0},
    {"softplus", Kind::softplus, false, false, 0, 0},
};

const Known& find_known(const std::string& name) {
  std::string lower;
  for (char letter : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  for (const Known& entry : known) {
    if (entry.name == lower) return entry;
  }
  fail(ErrorCode::invalid_argument, "'{}' is not an activation function of recurrent operators", name);
}

}  // namespace

std::vector<RnnActivation> rnn_activations(const NodeView& node, int64_t directions,
                                           const std::vector<std::string>& defaults) {
  const auto given = node.attr_strings("activations");
  const size_t wanted = defaults.size() * static_cast<size_t>(directions);
  if (!given.empty() && given.size() < wanted) {
    fail(ErrorCode::invalid_argument, "activations must name {} functions, found {}", wanted, given.size());
  }
  const float clip = node.attr_float("clip", 0);
  if (clip < 0) fail(ErrorCode::invalid_argument, "clip must not be negative, found {}", clip);
  const auto alphas = node.attr_floats("activation_alpha"), betas = node.attr_floats("activation_beta");
  size_t next_alpha = 0, next_beta = 0;
  std::vector<RnnActivation> result;
  for (size_t i = 0; i < wanted; ++i) {
    const Known& entry = find_known(given.empty() ? defaults[i % defaults.size()] : given[i]);
    RnnActivation activation{entry.kind, entry.alpha, entry.beta, clip};
    if (entry.has_alpha && next_alpha < alphas.size()) activation.alpha = alphas[next_alpha++];
    if (entry.has_beta && next_beta < betas.size()) activation.beta = betas[next_beta++];
    result.push_back(activation);
  }
  return result;
}

}  // namespace kiln::ops
