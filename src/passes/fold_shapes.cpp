#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/reshape_target.hpp"

namespace kiln::passes {

/// A Reshape whose target is computed from shapes (Shape, Gather, Concat ...) gets a constant target where symbolic
/// shapes tell what it says in every run; what computed it is then dead.
std::vector<Patch> find_shapes(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!is_plain(node) || !is_op(node, "Reshape") || node.inputs.size() != 2 || !has_input(node, 1)) continue;
    const Fact& known = view.fact(node.inputs[1]);
    // A caller may replace an initialiser that is an input, so its elements say nothing.
    if (known.constant.defined() || !known.dims || !view.producer(node.inputs[1])) continue;
    auto target = reshape_target(shape_of(view, node.inputs[0]), *known.dims);
    // A -1 in it may be a number by now.
    const SymShape* result = shape_of(view, node.outputs[0]);
    if (!target && result) target = reshape_target(shape_of(view, node.inputs[0]), *result);
    if (!target) continue;
    Patch patch{.what = "give " + node.describe(i) + " a constant target", .remove = {i}};
    const ValueId shape = view.new_value(graph.name_of(node.outputs[0]) + "_shape");
    patch.constants.push_back({shape, Tensor::vector(*target)});
    patch.add.push_back(make_node("Reshape", {node.inputs[0], shape}, node.outputs[0], node));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
