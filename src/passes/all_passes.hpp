#pragma once

#include "passes/patch.hpp"

namespace kiln::passes {

std::vector<Patch> find_constants(GraphView& view);
std::vector<Patch> find_identities(GraphView& view);
std::vector<Patch> find_dead_nodes(GraphView& view);
std::vector<Patch> find_batch_norms(GraphView& view);

}  // namespace kiln::passes
