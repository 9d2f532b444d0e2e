#pragma once

#include "ops/support/im2col.hpp"

namespace kiln::ops {

/// What a convolution of x (N, C, D1, ...) with w (M, C/group, k1, ...) looks like.
struct Convolution {
  Window window;
  int64_t group = 1;
};

/// Checks group, channels and kernel; x and w are of known rank. Nothing while w's kernel is not known.
std::optional<Convolution> read_convolution(const NodeView& node, const SymShape& x, const SymShape& w);

/// Sets output 0 to `dtype` and the shape of the convolution of inputs `x` and `w`; checks the bias if there is one.
void infer_convolution(InferContext& context, size_t x, size_t w, std::optional<size_t> bias, DType dtype);

/// A convolution that runs: its pads resolved and its shapes known.
struct ConvolutionRun {
  ConvolutionRun(const EvalContext& context, const Tensor& x, const Tensor& w);

  int64_t batch, group, channels_in, channels_out;  ///< channels of one group
  Shape output;
  Im2Col columns;
};

}  // namespace kiln::ops
