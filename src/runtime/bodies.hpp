#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/machine.hpp"

namespace kiln {

/// All that a subgraph reads from the graph around it: the value there, and here.
using TakenValues = std::vector<std::pair<ValueId, ValueId>>;

/// A subgraph without anything around it.
struct ClosedBody {
  ModelDef model;                 ///< has the subgraph as its main graph
  std::vector<ValueId> captured;  ///< Body::captured
  TakenValues taken;
};

/// Closes subgraph `which` of a node of a main program. Nothing where it cannot be a main graph: with functions, or
/// inputs that have defaults. The same program gives the same ids.
std::optional<ClosedBody> close_body(const Program& program, size_t node, size_t which);

}  // namespace kiln
