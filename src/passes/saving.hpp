#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "passes/patch.hpp"
#include "runtime/node_cost.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// What a rewrite spares every run; less than zero where it adds something.
struct Saving {
  int64_t nodes = 0;
  bool is_counted = false;  ///< whether the next two are known: all shapes are
  double flops = 0;         ///< a multiply-add is two
  double bytes = 0;         ///< read and written by the nodes
};

/// Counts what patches save, for input shapes of the caller's choice: what the removed nodes cost less what the new
/// ones do.
class SavingCounter {
 public:
  SavingCounter(const ModelDef& model, const std::map<std::string, Shape>& shapes);

  /// Before patches are applied to a graph of the model, and after; savings in the patches' order.
  void begin(const Graph& graph, std::span<const Patch> patches);
  std::vector<Saving> end(const Graph& graph, std::span<const Patch> patches);
  /// What a rewrite of the whole model saved since the last call of any of these.
  Saving of_whole();

 private:
  void infer();
  std::optional<NodeCost> cost_of(const Graph& graph, const Node& node, const Patch* patch) const;
  /// What all nodes of all graphs are and cost.
  Saving total() const;

  const ModelDef& model_;
  const std::map<std::string, Shape>& shapes_;
  std::map<const Graph*, Facts> facts_;
  Saving total_;
  std::vector<Saving> begun_;
};

}  // namespace kiln
