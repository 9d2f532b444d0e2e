#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/machine.hpp"

namespace kiln {

/// Values of a body: which one in the graph around it, and which here.
using TakenValues = std::vector<std::pair<ValueId, ValueId>>;

/// A part of a graph without anything around it.
struct ClosedBody {
  ModelDef model;                 ///< has the part as its main graph
  std::vector<ValueId> captured;  ///< Body::captured
  TakenValues taken;              ///< all that a subgraph reads from around it; of a group all values
};

/// Closes subgraph `which` of a node of a main program. Nothing where it cannot be a main graph: with functions, or
/// inputs that have defaults. The same program gives the same ids.
std::optional<ClosedBody> close_body(const Program& program, size_t node, size_t which);

/// Closes the nodes of a group of a main program, in the same way.
std::optional<ClosedBody> close_group(const Program& program, const Group& group);

/// Finds what goes into groups of a program's nodes, and what comes out of them.
class GroupEdges {
 public:
  explicit GroupEdges(const Program& program);
  Group group_of(std::vector<size_t> nodes) const;

 private:
  const Program& program_;
  std::vector<size_t> reads_;  ///< of each value: by nodes, and as an output of the graph
};

}  // namespace kiln
