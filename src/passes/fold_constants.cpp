#include "passes/all_passes.hpp"

namespace kiln::passes {

/// Shape inference has computed the small results already; large ones are computed once here.
std::vector<Patch> find_constants(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Patch patch{.what = "compute " + node.describe(i), .remove = {i}};
    bool all_known = true;
    for (ValueId id : node.outputs) {
      if (id == no_value) continue;
      const Tensor& value = view.fact(id).constant;
      all_known = all_known && value.defined() && !view.is_output(id);
      patch.constants.push_back({id, value});
    }
    if (all_known && !patch.constants.empty()) patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
