#include "graph/captures.hpp"

#include <set>

namespace kiln {

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

std::vector<std::string_view> names_read(const Graph& graph) {
  const std::vector<bool> own = defined_values(graph);
  std::vector<std::string_view> names;
  std::set<std::string_view> seen;
  const auto read = [&](std::string_view name, ValueId id) {
    if ((id == no_value || !own[static_cast<size_t>(id)]) && seen.insert(name).second) names.push_back(name);
  };
  const auto read_all = [&](const std::vector<ValueId>& ids) {
    for (ValueId id : ids) {
      if (id != no_value) read(graph.name_of(id), id);
    }
  };
  for (const Node& node : graph.nodes) {
    read_all(node.inputs);
    for_each_subgraph(node, [&](const Graph& inner) {
      for (std::string_view name : names_read(inner)) read(name, graph.find_value(name));
    });
  }
  read_all(graph.outputs);
  return names;
}

std::vector<ValueId> values_read(const Graph& graph, const Node& node) {
  std::vector<ValueId> ids;
  for (ValueId id : node.inputs) {
    if (id != no_value) ids.push_back(id);
  }
  for (const Graph* subgraph : subgraphs_of(node)) {
    for (std::string_view name : names_read(*subgraph)) {
      const ValueId id = graph.find_value(name);
      if (id != no_value) ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace kiln
