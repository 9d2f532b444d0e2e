#pragma once

#include "kiln/tensor.hpp"

namespace kiln {

/// The same elements as a dense tensor, zero (an empty string) where the sparse one says nothing. Fails on indices
/// that are not in the shape.
Tensor densify(const SparseTensor& sparse);

}  // namespace kiln
