#pragma once

#include "ops/context.hpp"

namespace kiln::ops {

/// The loss of NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, set as output 0 in the type of input 0:
/// -log_probabilities[n, label, ...] of each label (input 1), times the weight of its class (input 2), reduced.
/// `log_probabilities` has the shape of input 0, [N, C, d1, ...]; labels have [N, d1, ...].
void set_nll_loss(EvalContext& c, const double* log_probabilities);

/// Shape rule of both.
void infer_nll_loss(InferContext& c);

}  // namespace kiln::ops
