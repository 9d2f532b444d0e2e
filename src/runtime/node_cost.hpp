#pragma once

#include <optional>
#include <span>

#include "ops/context.hpp"

namespace kiln {

/// Work of one run of one node. Doubles, because a hostile model's counts pass 64 bits.
struct NodeCost {
  double flops = 0;          ///< arithmetic operations; a multiply-add is two
  double bytes_read = 0;     ///< inputs, weights included
  double bytes_written = 0;  ///< outputs
};

/// The cost of a node whose inputs' and outputs' shapes are known; nothing where one that counts is not. Inputs may be
/// null: left out. Only what a node does itself: its subgraphs are counted apart.
std::optional<NodeCost> node_cost(const Node& node, std::span<const Fact* const> inputs,
                                  std::span<const Fact* const> outputs);

/// Elements of a tensor whose shape is known; nothing otherwise.
std::optional<double> known_size(const Type& type);

}  // namespace kiln
