#include <algorithm>
#include <map>
#include <utility>

#include "ops/op.hpp"
#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// Gives the same results for the same inputs in every run.
bool is_pure(const Node& node) {
  const OpDef* op = find_op(node.domain, node.op_type);
  if (!op || op->random || node.inputs.empty() || node.outputs.empty()) return false;
  // A Dropout that trains draws numbers, and only its inputs tell whether it does.
  return node.op_type != "Dropout";
}

}  // namespace

/// Of several nodes with the same operator, inputs and attributes only the first runs.
std::vector<Patch> find_common_nodes(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  std::map<std::pair<std::string, std::vector<ValueId>>, std::vector<size_t>> seen;
  std::vector<ValueId> now(graph.values.size());
  for (size_t i = 0; i < now.size(); ++i) now[i] = static_cast<ValueId>(i);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!is_pure(node)) continue;
    std::vector<ValueId> inputs = node.inputs;
    for (ValueId& id : inputs) {
      if (id != no_value) id = now[static_cast<size_t>(id)];
    }
    std::vector<size_t>& alike = seen[{node.domain + ':' + node.op_type, inputs}];
    const auto first = std::find_if(alike.begin(), alike.end(), [&](size_t other) {
      const Node& candidate = graph.nodes[other];
      if (candidate.outputs.size() != node.outputs.size() || !same_attributes(candidate, node)) return false;
      for (size_t k = 0; k < node.outputs.size(); ++k) {
        const ValueId from = node.outputs[k], to = candidate.outputs[k];
        if ((from == no_value) != (to == no_value)) return false;
        // Two names of outputs stay two values, and what subgraphs read keeps its name.
        if (from != no_value && (view.is_output(from) || !view.can_replace(from, to))) return false;
      }
      return true;
    });
    if (first == alike.end()) {
      alike.push_back(i);
      continue;
    }
    const Node& original = graph.nodes[*first];
    Patch patch{.what = "let readers of " + node.describe(i) + " read " + original.describe(*first), .remove = {i}};
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      patch.replace.push_back({node.outputs[k], original.outputs[k]});
      now[static_cast<size_t>(node.outputs[k])] = original.outputs[k];
    }
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
