#pragma once

#include "runtime/engine.hpp"

namespace kiln {

struct BuildOptions {
  int threads = 0;  ///< that the engine will run with; 0: those of the pool
};

/// Decides how an engine's main graph is done on this machine, and packs its weights.
Machine build_machine(const Engine& engine, const BuildOptions& options = {});

}  // namespace kiln
