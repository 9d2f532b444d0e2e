#pragma once

#include "builder/build.hpp"
#include "builder/verify_engine.hpp"
#include "passes/optimize.hpp"

namespace kiln {

struct BuiltEngine {
  std::shared_ptr<const EngineDef> engine;
  OptimizeReport passes;
  BuildReport groups;
  VerifyResult verified;
};

/// Everything from a model as it was read to an engine that may be kept: rewrites it, decides how it is done, packs
/// the weights, and holds the engine against the reference code. `shapes` are those of inputs with open dims.
BuiltEngine build_engine(ModelDef model, const BuildOptions& options, const std::map<std::string, Shape>& shapes = {});

}  // namespace kiln
