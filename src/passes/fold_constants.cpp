#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// What a Constant node holds, however large it is.
Tensor held_tensor(const Node& node) {
  const Attribute* value = is_op(node, "Constant") ? node.find_attribute("value") : nullptr;
  const auto* tensor = value ? std::get_if<Tensor>(&value->data) : nullptr;
  return tensor ? *tensor : Tensor();
}

}  // namespace

/// Shape inference has computed the small results already; they and the tensors of Constant nodes become initialisers.
std::vector<Patch> find_constants(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Patch patch{.what = "compute " + node.describe(i), .remove = {i}};
    bool all_known = true;
    for (ValueId id : node.outputs) {
      if (id == no_value) continue;
      Tensor value = held_tensor(node);
      if (!value.defined()) value = view.fact(id).constant;
      all_known = all_known && value.defined() && !view.is_output(id);
      patch.constants.push_back({id, std::move(value)});
    }
    if (all_known && !patch.constants.empty()) patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
