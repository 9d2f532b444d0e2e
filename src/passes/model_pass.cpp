#include "passes/model_pass.hpp"

#include <algorithm>
#include <array>

#include "graph/captures.hpp"

namespace kiln {

std::span<const ModelPass> model_passes() {
  static constexpr std::array list{
      ModelPass{"inline_functions", "put the bodies of functions in the place of their calls",
                passes::inline_functions},
      ModelPass{"raise_opset", "write the model in the newest opset", passes::raise_opset},
      ModelPass{"give_constants", "let subgraphs have the constants around them that they read",
                passes::give_constants},
  };
  return list;
}

namespace passes {

void collect_graphs(Graph& graph, std::vector<Graph*>& graphs) {
  graphs.push_back(&graph);
  for (Node& node : graph.nodes) {
    for (Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) {
        collect_graphs(**inner, graphs);
      }
    }
  }
}

namespace {

/// What is known of a graph's own values, and of those around it, by name.
using Scope = std::map<std::string_view, const Fact*>;

/// Lets the facts of subgraphs say of the values that they take from around them what is known there.
void add_captured(const Graph& graph, Scope scope, std::map<const Graph*, Facts>& all) {
  const auto known = all.find(&graph);
  if (known == all.end()) return;
  Facts& facts = known->second;
  facts.resize(graph.values.size());
  const std::vector<bool> own = defined_values(graph);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const auto around = scope.find(graph.values[i].name);
    if (!own[i] && around != scope.end()) facts[i] = *around->second;
  }
  const auto has_graphs = [](const Node& node) { return !subgraphs_of(node).empty(); };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), has_graphs)) return;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (own[i]) scope[graph.values[i].name] = &facts[i];
  }
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& inner) { add_captured(inner, scope, all); });
  }
}

}  // namespace

std::map<const Graph*, Facts> infer_all(const ModelDef& model, bool* contradicts) {
  std::map<const Graph*, Facts> facts;
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  // What a model states of its inner values is often left over from before somebody made an input's dims symbolic.
  ShapeInference inference(model, diagnostics, ShapeInference::StatedTypes::ignore);
  inference.set_observer([&](const Graph& graph, const Facts& found) { facts[&graph] = found; });
  inference.run();
  if (contradicts) *contradicts = diagnostics.has_errors();
  add_captured(model.graph, {}, facts);
  return facts;
}

}  // namespace passes
}  // namespace kiln
