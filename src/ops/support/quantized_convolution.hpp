#pragma once

#include "ops/support/convolution.hpp"

namespace kiln::ops {

/// The inputs of a quantised convolution, by number.
struct QuantizedConvolution {
  size_t x, w, x_zero, w_zero;
};

/// The convolution of x and w less their zero points, modulo 2^32; padding counts as zero. w may have one zero point
/// for each of its output channels.
void convolve_quantized(EvalContext& context, const ConvolutionRun& run, QuantizedConvolution inputs, uint32_t* sums);

}  // namespace kiln::ops
