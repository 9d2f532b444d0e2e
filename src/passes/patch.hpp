#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// One rewrite of a graph, as data: what goes, what comes, who reads something else from now on. A pass only says
/// it; the driver (passes/optimize.hpp) applies it, checks the graph and keeps count.
struct Patch {
  std::string what;            ///< for people: "fold BatchNormalization 'bn1' into Conv 'conv1'"
  std::vector<size_t> remove;  ///< nodes, by index
  std::vector<Node> add;       ///< they may write the values that removed nodes wrote
  bool early = false;          ///< what is added stands where the first removed node stood, not the last one
  struct Constant {
    ValueId value;
    Tensor tensor;
  };
  std::vector<Constant> constants;  ///< values that become initialisers
  struct Replacement {
    ValueId from;
    ValueId to;
  };
  /// Every reader of `from` reads `to`. Where `from` is an output of the graph and `to` is made by a node, that node
  /// writes `from` and the readers of `to` follow, so that outputs keep their names.
  std::vector<Replacement> replace;
};

/// A graph with what passes ask of it. Holds good until the graph is changed.
class GraphView {
 public:
  GraphView(Graph& graph, const OpsetImports& opsets, Facts& facts);

  const Graph& graph() const { return graph_; }
  const OpsetImports& opsets() const { return opsets_; }
  const Fact& fact(ValueId id) const { return facts_[static_cast<size_t>(id)]; }

  /// The node that makes a value; null for inputs, constants and values of outer graphs.
  const Node* producer(ValueId id) const;
  size_t index_of(const Node& node) const { return static_cast<size_t>(&node - graph_.nodes.data()); }
  /// Nodes that read a value, one entry for each reading input.
  const std::vector<size_t>& readers(ValueId id) const { return readers_[static_cast<size_t>(id)]; }
  bool is_output(ValueId id) const { return is_output_[static_cast<size_t>(id)]; }
  bool is_input(ValueId id) const { return is_input_[static_cast<size_t>(id)]; }
  /// Read by a subgraph, by its name.
  bool is_captured(ValueId id) const { return is_captured_[static_cast<size_t>(id)]; }
  /// Made for one reader alone: neither an output nor captured.
  bool has_single_reader(ValueId id) const;
  /// The value of an initialiser that no caller can replace; null for everything else.
  const Tensor* constant(ValueId id) const;
  /// The node that makes `id` if it is this operator of ai.onnx; null otherwise.
  const Node* producer_if(ValueId id, std::string_view op_type) const;
  /// The only reader of `id` if it is this operator of ai.onnx and `id` goes nowhere else; null otherwise.
  const Node* single_reader_if(ValueId id, std::string_view op_type) const;

  /// Whether readers of `from` may read `to` instead (see Patch::replace).
  bool can_replace(ValueId from, ValueId to) const;

  /// A value with a name that the graph does not have yet, made of `hint`.
  ValueId new_value(const std::string& hint);

 private:
  Graph& graph_;
  const OpsetImports& opsets_;
  Facts& facts_;
  std::vector<int> producer_;
  std::vector<std::vector<size_t>> readers_;
  std::vector<bool> is_output_, is_input_, is_captured_;
  std::vector<int> constant_;  ///< index of the initialiser, or -1
};

/// An integer attribute of a node; `otherwise` where it has none of that name.
int64_t int_attribute(const Node& node, std::string_view name, int64_t otherwise);

/// A rewrite: looks at a graph and returns patches, none of which touches a node that another one removes.
struct Pass {
  std::string_view name;
  std::string_view help;
  std::vector<Patch> (*find)(GraphView& view);
};

/// Applies the patches that one pass found, whose node indices all mean the graph as it is now; what a patch adds
/// stands where the last node that it removes stood (or the first one). Fails (internal error) when a value ends up
/// with two makers.
void apply_patches(Graph& graph, std::span<const Patch> patches);

}  // namespace kiln
