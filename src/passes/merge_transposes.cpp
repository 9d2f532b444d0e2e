#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/moves.hpp"

namespace kiln::passes {
/// A Transpose of a Transpose is one Transpose, or none where the second undoes the first.
std::vector<Patch> find_transposes(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& second = graph.nodes[i];
    if (!is_op(second, "Transpose") || second.inputs.size() != 1) continue;
    const Node* first = view.producer_if(second.inputs[0], "Transpose");
    if (!first) continue;
    const auto inner = permutation_of(view, *first), outer = permutation_of(view, second);
    if (!inner || !outer || inner->size() != outer->size()) continue;
    std::vector<int64_t> together;
    bool undone = true;
    for (size_t axis = 0; axis < outer->size(); ++axis) {
      together.push_back((*inner)[static_cast<size_t>((*outer)[axis])]);
      undone = undone && together.back() == static_cast<int64_t>(axis);
    }
    const ValueId from = first->inputs[0], to = second.outputs[0];
    if (undone && !view.can_replace(to, from)) undone = false;
    const size_t first_index = view.index_of(*first);
    if (!claims.claim({first_index, i})) continue;
    Patch patch{.what = "merge " + first->describe(first_index) + " and " + second.describe(i), .remove = {i}};
    if (view.has_single_reader(second.inputs[0])) patch.remove.push_back(first_index);
    if (undone) {
      patch.replace.push_back({to, from});
    } else {
      Node merged = make_node("Transpose", {from}, to, second);
      merged.attributes.push_back(ints_value("perm", together));
      patch.add.push_back(std::move(merged));
    }
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
