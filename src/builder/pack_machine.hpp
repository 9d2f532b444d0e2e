#pragma once

#include <vector>

#include "runtime/machine.hpp"

namespace kiln {

/// Packs the weights of all ways into one piece of memory, on all threads; what several ways share once. `facts` are
/// what each of the ways was chosen for.
void pack_machine(const Program& program, const std::vector<const Facts*>& facts, int threads, Machine& machine);

}  // namespace kiln
