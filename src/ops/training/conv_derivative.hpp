#pragma once

#include "ops/training/derivatives.hpp"

namespace kiln::ops {

/// The rule of Conv, for any number of spatial axes: gradients of the input, the weights and the bias.
void derive_conv(Derivation& derivation);

}  // namespace kiln::ops
