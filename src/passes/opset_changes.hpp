#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln::passes {

/// A graph, what is known of its values, and the graphs around it.
struct KnownGraph {
  Graph& graph;
  const Facts* facts = nullptr;  ///< null where nothing is known
  const KnownGraph* outer = nullptr;

  /// What is known of a value, also of one that a graph around this one defines; null for nothing.
  const Fact* fact(ValueId id) const;
};

/// A node on its way from one version of its operator to the next, with helpers that stand before and after it.
struct LiftedNode {
  KnownGraph& where;
  Node node;
  std::vector<Node> before = {}, after = {};  ///< written in the newest forms

  const SymShape* shape(size_t input) const;  ///< null while the rank is unknown
  DType dtype(size_t input) const;
  /// The elements of a known integer input.
  std::optional<std::vector<int64_t>> known_ints(size_t input) const;

  ValueId new_value(std::string_view hint);
  /// A Constant before the node.
  ValueId constant(Tensor tensor, std::string_view hint);
  ValueId constant_ints(const std::vector<int64_t>& values, std::string_view hint);
  /// Appends a helper before the node and gives its output.
  ValueId add_before(std::string op_type, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {});
  void set_input(size_t index, ValueId id);
};

/// What changed in `op` with version `since` that its schema alone does not carry over. `adapt` writes the node anew;
/// false where that cannot be done with certainty.
struct OpsetChange {
  std::string_view op;
  int since;
  bool (*adapt)(LiftedNode& lifted);
};

/// Null where the schemas tell all.
const OpsetChange* find_change(std::string_view op, int since);

}  // namespace kiln::passes
