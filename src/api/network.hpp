#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "kiln/graph_builder.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// The network that a builder and its Vars share: its main graph, and those inside of nodes while they are built.
struct Var::Network {
  struct Scope {
    int32_t id;
    Graph graph;
  };
  /// What a Var is. Names are unique in all graphs of the network, so that a graph reads those around it by name.
  struct Known {
    std::string name;
    Fact fact;
    int32_t scope;
  };

  ModelDef model;             ///< but for its graph
  std::vector<Scope> scopes;  ///< the main graph first, the one that nodes are added to last
  std::vector<Known> values;
  std::map<std::string, int32_t, std::less<>> by_name;
  std::map<std::string, int, std::less<>> uses, node_uses;  ///< how often a name was wanted
  int32_t scopes_made = 0;

  Graph& graph() { return scopes.back().graph; }
  bool is_inside() const { return scopes.size() > 1; }
  const Known& at(int32_t id) const { return values[static_cast<size_t>(id)]; }

  std::string unused_name(std::string_view wish);
  std::string node_name(std::string_view wish) const;
  /// A new value of the graph that is being built.
  int32_t add(std::string_view name, Fact fact);
  int32_t add_input(std::string_view name, const Type& type);
  /// A value by the name that the output gets, and its own.
  int32_t add_output(int32_t value, std::string_view name);
  /// In the graph that is being built.
  ValueId value_of(int32_t id) { return graph().value_named(at(id).name); }
  /// Fails unless the graph that is being built may read the value: one of its own, or of a graph around it.
  void check_readable(int32_t id) const;
  void check_readable(const Subgraph& subgraph) const;
  /// What is known of a node's outputs; fails where it breaks a rule of its operator. Its inputs are those of `inputs`.
  Facts infer(const Node& node, const std::vector<int32_t>& inputs) const;
  /// The whole network, which must have an output.
  ModelDef finish() const;

  void open(std::string_view name);
  Graph close();
};

}  // namespace kiln
