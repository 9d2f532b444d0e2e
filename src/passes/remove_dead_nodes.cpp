#include "passes/all_passes.hpp"

namespace kiln::passes {

std::vector<Patch> find_dead_nodes(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    bool read = false;
    for (ValueId id : node.outputs) {
      read = read || (id != no_value && (!view.readers(id).empty() || view.is_output(id) || view.is_captured(id)));
    }
    if (!read) patches.push_back({.what = "drop " + node.describe(i), .remove = {i}});
  }
  return patches;
}

}  // namespace kiln::passes
