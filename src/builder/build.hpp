#pragma once

#include <optional>

#include "kiln/build_options.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// Decides how an engine's main graph is done on this machine, and packs its weights. `isa` is that of the process
/// where it is not given.
Machine build_machine(const EngineDef& engine, const BuildOptions& options = {}, std::optional<Isa> isa = {});

}  // namespace kiln
