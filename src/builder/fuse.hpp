#pragma once

#include <vector>

#include "builder/typical_shapes.hpp"
#include "runtime/machine.hpp"

namespace kiln {

/// All nodes of a main graph in groups, in an order in which every value is made before it is read: linear nodes with
/// the bias, residual and activation behind them, elementwise nodes that feed each other alone, everything else by
/// itself.
std::vector<Group> fuse(const Program& program, const BuildFacts& facts);

}  // namespace kiln
