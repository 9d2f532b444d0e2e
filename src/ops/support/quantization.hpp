#pragma once

#include "ops/context.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {

/// A scale or zero point spread over the tensor that it quantizes.
struct QuantizationParameter {
  Tensor tensor;
  Shape shape;  ///< `tensor` seen with this shape broadcasts to the quantized tensor's
  Operand operand() const { return {tensor, shape}; }
};

/// Reads the attributes "axis" and "block_size" where the version has them: a single number serves the whole tensor, a
/// list goes along the axis, and anything else has one element for each block along the axis. Fails where the shapes do
/// not fit, naming `what`.
QuantizationParameter spread_parameter(const NodeView& node, const Tensor& parameter, const Shape& quantized,
                                       const char* what);
/// The check alone, as far as the shapes are known; also that inputs 1 and 2, if there are two, have one shape.
void check_parameter_shapes(InferContext& context);

}  // namespace kiln::ops
