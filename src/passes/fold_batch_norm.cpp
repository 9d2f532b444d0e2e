#include "passes/all_passes.hpp"
#include "passes/linear_node.hpp"

namespace kiln::passes {

/// A BatchNormalization is a factor and an offset for each channel, which the weights and the bias of a Conv,
/// ConvTranspose, Gemm or MatMul beside it can hold.
std::vector<Patch> find_batch_norms(GraphView& view) { return fold_affine_nodes(view, batch_norm_affine); }

}  // namespace kiln::passes
