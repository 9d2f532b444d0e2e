#pragma once

#include <memory>

#include "graph/graph.hpp"

namespace kiln {

/// A Gradient node names tensors of the graph that it stands in: it differentiates what lies between them. Here that
/// part of the graph is copied into a subgraph, the node's attribute "body": its inputs are the tensors that "xs" and
/// "zs" name, in the order of the node's inputs; its outputs are all of its values, in the order of their ids; what it
/// needs besides it takes from the graph around it.
/// Gives the graph with all its Gradient nodes so completed, with the same ids; null when it has none.
std::shared_ptr<const Graph> with_gradient_bodies(const Graph& graph);

}  // namespace kiln
