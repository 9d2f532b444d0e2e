#pragma once

#include <string>
#include <vector>

#include "kernels/elementwise/chain_program.hpp"
#include "tactics/tactic.hpp"

namespace kiln {

/// A group of elementwise nodes as the kernel for chains takes it.
struct ElementwiseProgram {
  ChainProgram chain;
  std::vector<size_t>
      operands;         ///< the group's inputs that the chain's operands are; single constants are in the chain
  std::string decline;  ///< why the nodes cannot be done this way; empty if they can
};
ElementwiseProgram elementwise_program(const Problem& problem);

/// Whether nodes of this operator may be in a group of elementwise nodes; elementwise_program() looks closer.
bool is_elementwise(const Node& node);

}  // namespace kiln
