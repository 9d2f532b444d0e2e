#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.hpp"

namespace kiln {

/// Calls `visit` for each graph among a node's attributes.
template <class Visit>
void for_each_subgraph(const Node& node, Visit&& visit) {
  for (const Attribute& attribute : node.attributes) {
    if (const auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.data); graph && *graph) visit(**graph);
    if (const auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
      for (const auto& graph : *graphs) {
        if (graph) visit(*graph);
      }
    }
  }
}

/// The graphs among a node's attributes.
std::vector<const Graph*> subgraphs_of(const Node& node);

/// By ValueId: whether the graph itself defines the value (as an input, an initialiser or the output of a node), and
/// not a graph around it.
std::vector<bool> defined_values(const Graph& graph);

/// The names that a graph and those inside it read from around it, each once, in the order of reading. A name that a
/// graph defines is hidden from the graphs inside it.
std::vector<std::string_view> names_read(const Graph& graph);

/// Every value of `graph` that one of its nodes needs: its inputs, and what its subgraphs at any depth take from
/// `graph` by name. May name a value more than once.
std::vector<ValueId> values_read(const Graph& graph, const Node& node);

}  // namespace kiln
