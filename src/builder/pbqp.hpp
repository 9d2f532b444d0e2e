#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace kiln {

/// A partitioned boolean quadratic problem: each node takes one of its choices; a choice has a cost, and so has each
/// pair of choices of two nodes that are joined. Solved exactly where nodes of degree 0, 1 and 2 can be reduced away
/// one after the other, as almost everywhere in networks; elsewhere the busiest node takes its locally best choice.
class Pbqp {
 public:
  using Costs = std::vector<double>;

  /// Returns the node's number. At least one choice.
  size_t add_node(Costs costs);
  /// costs[i * choices of b + j]: choice i of a with choice j of b. Edges between the same nodes add up.
  void add_edge(size_t a, size_t b, const Costs& costs);
  /// The choice of each node. The problem is used up.
  std::vector<size_t> solve();

 private:
  struct Edge {
    size_t a, b;
    Costs costs;
  };
  double& cost(size_t edge, size_t node, size_t choice, size_t other_choice);
  size_t other_end(size_t edge, size_t node) const;
  void detach(size_t edge);
  void reduce_one(size_t node);
  void reduce_two(size_t node);
  void reduce_many(size_t node);
  size_t best_choice(size_t node, const std::vector<size_t>& chosen) const;

  std::vector<Costs> nodes_;
  std::vector<Edge> edges_;
  std::vector<std::vector<size_t>> of_node_;  ///< live edges
  /// What was reduced, with the edges it had, to be decided in the reverse order.
  std::vector<std::pair<size_t, std::vector<size_t>>> reduced_;
};

}  // namespace kiln
