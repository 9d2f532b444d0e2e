#pragma once

#include "kiln/build_options.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// Decides how an engine's main graph is done on this machine, and packs its weights.
Machine build_machine(const EngineDef& engine, const BuildOptions& options = {});

}  // namespace kiln
