#pragma once

#include <optional>
#include <vector>

#include "runtime/context.hpp"
#include "runtime/node_cost.hpp"

namespace kiln {

/// Who does a step: the name of its kernel, "reference" or "sequel".
std::string done_by(const Schedule::Step& step);

/// The nodes of the main graph that a step does; none where it copies a tensor into another layout.
std::vector<const Node*> nodes_of(const Graph& graph, const StepView& step);

/// What a step has to compute, and what it reads and writes at least: what stays inside a group is not counted.
/// Nothing where that does not follow from the shapes of the model's inputs.
std::optional<NodeCost> step_cost(const Graph& graph, const Facts& facts, const StepView& step);

}  // namespace kiln
