#include "passes/all_passes.hpp"
#include "passes/linear_node.hpp"

namespace kiln::passes {

/// So are a Mul, Add, Sub or Div with a constant for each channel (see fold_batch_norm.cpp).
std::vector<Patch> find_scales(GraphView& view) { return fold_affine_nodes(view, arithmetic_affine); }

}  // namespace kiln::passes
