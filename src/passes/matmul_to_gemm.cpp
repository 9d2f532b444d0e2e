#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

bool is_matrix(const GraphView& view, ValueId id) {
  const SymShape* shape = shape_of(view, id);
  return shape && shape->size() == 2 && dtype_of_value(view, id) == DType::f32;
}

/// One element for each column of the product, so that the Add widens nothing.
bool is_bias_for(const GraphView& view, ValueId bias, ValueId right) {
  const SymShape* shape = shape_of(view, bias);
  if (!shape || shape->size() != 1 || dtype_of_value(view, bias) != DType::f32) return false;
  return shape->front() == (*shape_of(view, right))[1];
}

}  // namespace

/// MatMul of two matrices and Add of a vector are a Gemm. Of tensors with more axes they stay what they are.
std::vector<Patch> find_matmul_adds(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 7) return patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& add = graph.nodes[i];
    if (!is_plain(add) || !is_op(add, "Add") || add.inputs.size() != 2) continue;
    for (const size_t k : {size_t{0}, size_t{1}}) {
      const ValueId product = add.inputs[k], bias = add.inputs[1 - k];
      const Node* matmul = view.producer_if(product, "MatMul");
      if (!matmul || bias == product || !view.has_single_reader(product)) continue;
      if (!is_matrix(view, matmul->inputs[0]) || !is_matrix(view, matmul->inputs[1])) continue;
      if (!is_bias_for(view, bias, matmul->inputs[1])) continue;
      const size_t matmul_index = view.index_of(*matmul);
      if (!claims.claim({matmul_index, i})) continue;
      Patch patch{.what = "merge " + matmul->describe(matmul_index) + " and " + add.describe(i) + " into a Gemm",
                  .remove = {matmul_index, i}};
      patch.add.push_back(make_node("Gemm", {matmul->inputs[0], matmul->inputs[1], bias}, add.outputs[0], *matmul));
      patches.push_back(std::move(patch));
      break;
    }
  }
  return patches;
}

}  // namespace kiln::passes
