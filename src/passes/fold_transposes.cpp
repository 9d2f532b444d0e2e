#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_gemm_without_c = 11;

/// The Transpose of a matrix that makes `id`; null where something else does.
const Node* turn_of(const GraphView& view, ValueId id) {
  const Node* transpose = view.producer_if(id, "Transpose");
  const SymShape* shape = shape_of(view, id);
  if (!transpose || !has_input(*transpose, 0) || !shape || shape->size() != 2) return nullptr;
  const std::vector<int64_t> perm = ints_attribute(*transpose, "perm");
  return perm.empty() || perm == std::vector<int64_t>{1, 0} ? transpose : nullptr;
}

/// A Gemm as it is, or a MatMul of two f32 matrices, which can be one.
bool can_be_gemm(const GraphView& view, const Node& node) {
  if (!is_plain(node) || !has_input(node, 0) || !has_input(node, 1)) return false;
  if (is_op(node, "Gemm")) return true;
  if (!is_op(node, "MatMul") || opset_of(view) < first_gemm_without_c) return false;
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const SymShape* shape = shape_of(view, node.inputs[k]);
    if (!shape || shape->size() != 2 || dtype_of_value(view, node.inputs[k]) != DType::f32) return false;
  }
  return true;
}

}  // namespace

/// A Gemm reads its matrices either way round, so a Transpose before it is only a flag.
std::vector<Patch> find_turned_matrices(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!can_be_gemm(view, node)) continue;
    for (const size_t k : {size_t{0}, size_t{1}}) {
      const Node* transpose = turn_of(view, node.inputs[k]);
      if (!transpose) continue;
      const size_t other = view.index_of(*transpose);
      if (!claims.claim({other, i})) continue;
      Patch patch{.what = "fold " + transpose->describe(other) + " into " + node.describe(i), .remove = {i}};
      if (view.has_single_reader(node.inputs[k])) patch.remove.push_back(other);
      Node gemm = node;
      gemm.op_type = "Gemm";
      gemm.inputs[k] = transpose->inputs[0];
      const char* flag = k == 0 ? "transA" : "transB";
      set_attribute(gemm, int_value(flag, int_attribute(node, flag, 0) == 0 ? 1 : 0));
      patch.add.push_back(std::move(gemm));
      patches.push_back(std::move(patch));
    }
  }
  return patches;
}

}  // namespace kiln::passes
