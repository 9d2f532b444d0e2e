#include "graph/captures.hpp"

namespace kiln {
namespace {

/// The names that a graph takes from around it. A name that a graph defines is hidden from the graphs inside it.
void collect_free_names(const Graph& graph, std::vector<std::string_view>& names) {
  const std::vector<bool> local = defined_values(graph);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!local[i]) names.push_back(graph.values[i].name);
  }
  for (const Node& node : graph.nodes) {
    for (const Graph* inner : subgraphs_of(node)) {
      std::vector<std::string_view> needed;
      collect_free_names(*inner, needed);
      for (std::string_view name : needed) {
        const ValueId id = graph.find_value(name);
        if (id == no_value || !local[static_cast<size_t>(id)]) names.push_back(name);
      }
    }
  }
}

}  // namespace

std::vector<const Graph*> subgraphs_of(const Node& node) {
  std::vector<const Graph*> graphs;
  for_each_subgraph(node, [&](const Graph& graph) { graphs.push_back(&graph); });
  return graphs;
}

std::vector<bool> defined_values(const Graph& graph) {
  std::vector<bool> defined(graph.values.size(), false);
  const auto define = [&](ValueId id) {
    if (id != no_value) defined[static_cast<size_t>(id)] = true;
  };
  for (ValueId id : graph.inputs) define(id);
  for (const Initializer& initializer : graph.initializers) define(initializer.value);
  for (const SparseInitializer& initializer : graph.sparse_initializers) define(initializer.value);
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.outputs) define(id);
  }
  return defined;
}

std::vector<ValueId> values_read(const Graph& graph, const Node& node) {
  std::vector<ValueId> ids;
  for (ValueId id : node.inputs) {
    if (id != no_value) ids.push_back(id);
  }
  for (const Graph* subgraph : subgraphs_of(node)) {
    std::vector<std::string_view> names;
    collect_free_names(*subgraph, names);
    for (std::string_view name : names) {
      const ValueId id = graph.find_value(name);
      if (id != no_value) ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace kiln
