#pragma once

#include <optional>

#include "kiln/kiln.hpp"
#include "runtime/engine_file.hpp"

namespace kiln {

/// What the copies of a public Engine share.
struct EngineImpl {
  std::shared_ptr<const EngineDef> engine;
  std::vector<Machine> others;  ///< for other instruction sets than the engine's
  EngineRecord record;
  std::optional<EngineFile> file;  ///< that it was loaded from
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;
};

}  // namespace kiln
