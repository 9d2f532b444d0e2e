#include <fmt/format.h>

#include "check/checker.hpp"
#include "graph/captures.hpp"

namespace kiln::check {
namespace {

/// Names in the graphs inside a node; some may be of those graphs' own, which only makes more count as read.
void collect_inner_names(const Node& node, std::set<std::string_view>& names) {
  for_each_subgraph(node, [&](const Graph& subgraph) {
    for (const Node& inner : subgraph.nodes) {
      for (ValueId id : inner.inputs) names.insert(subgraph.name_of(id));
      collect_inner_names(inner, names);
    }
    for (ValueId id : subgraph.outputs) names.insert(subgraph.name_of(id));
  });
}

void mark_reads(const Graph& graph, const Node& node, std::vector<bool>& read) {
  for (ValueId id : node.inputs) {
    if (id != no_value) read[slot(id)] = true;
  }
  std::set<std::string_view> inner;
  collect_inner_names(node, inner);
  for (std::string_view name : inner) {
    if (const ValueId id = graph.find_value(name); id != no_value) read[slot(id)] = true;
  }
}

}  // namespace

void find_unused(Walk& walk, const Graph& graph) {
  std::vector<bool> needed(graph.values.size(), false), read(graph.values.size(), false);
  for (ValueId id : graph.outputs) {
    if (id != no_value) needed[slot(id)] = read[slot(id)] = true;
  }
  std::vector<bool> dead(graph.nodes.size(), true);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    mark_reads(graph, node, read);
    for (ValueId id : node.outputs) {
      if (id != no_value && needed[slot(id)]) dead[i] = false;
    }
    if (!dead[i]) mark_reads(graph, node, needed);
  }
  for (size_t i = 0; i < dead.size(); ++i) {
    if (!dead[i]) continue;
    walk.findings.warning("dead-node", place_of(walk, graph, graph.nodes[i], i), "no output of the graph needs it",
                          "It costs time for nothing; remove it.");
  }
  for (const Initializer& initializer : graph.initializers) {
    if (initializer.value == no_value || read[slot(initializer.value)]) continue;
    walk.findings.warning("unused-initializer",
                          fmt::format("{}, initialiser '{}'", place_of(graph), graph.name_of(initializer.value)),
                          fmt::format("no node reads these {} bytes", initializer.tensor.bytes()));
  }
  for (ValueId id : graph.inputs) {
    if (id == no_value || read[slot(id)] || graph.find_initializer(id)) continue;
    walk.findings.warning("unused-input", fmt::format("{}, input '{}'", place_of(graph), graph.name_of(id)),
                          "no node reads it");
  }
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& subgraph) { find_unused(walk, subgraph); });
  }
}

}  // namespace kiln::check
