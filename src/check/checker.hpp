#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "graph/diagnostics.hpp"
#include "graph/graph.hpp"
#include "ops/schema.hpp"

namespace kiln::check {

/// What the rules share while they walk one model.
struct Walk {
  const ModelDef& model;
  Diagnostics& findings;
  const Function* function = nullptr;    ///< whose body is walked; null in the graphs of the model
  const OpsetImports* opsets = nullptr;  ///< in force where the walk is
  std::set<std::string, std::less<>>* used_attributes = nullptr;  ///< of the function, as its body refers to them
};

/// Names that nodes may read: those of one graph, and those of the graphs around it.
struct Scope {
  const Graph& graph;
  const Scope* outer = nullptr;
  std::set<std::string_view> names = {};

  bool has(std::string_view name) const { return names.contains(name); }
  bool sees(std::string_view name) const { return has(name) || (outer && outer->sees(name)); }
};

/// Where a value lies in a graph's list of values.
inline size_t slot(ValueId id) { return static_cast<size_t>(id); }

/// "graph 'body', node 'add' (Add)": a node of the main graph is named without its graph.
std::string place_of(const Walk& walk, const Graph& graph, const Node& node, size_t index);
/// "graph 'body'", or "the graph" for a graph without a name.
std::string place_of(const Graph& graph);

/// ir_version, opset imports, metadata, training information.
void check_header(Walk& walk);
/// Duplicate and recursive functions, and each function's own attributes and imports; then their bodies.
void check_functions(Walk& walk);
/// Names, order, inputs, outputs and initialisers of a graph, and its nodes and their subgraphs.
void check_graph(Walk& walk, const Graph& graph, const Scope* outer);
/// A node against its operator's schema or its function's signature. `scope` has all that may be read at this node.
void check_node(Walk& walk, const Scope& scope, const Node& node, size_t index);
/// Nodes that no output needs, and values that no node reads.
void find_unused(Walk& walk, const Graph& graph);
/// Types and shapes, by inference over the whole model.
void check_types(const ModelDef& model, Diagnostics& findings);

}  // namespace kiln::check
