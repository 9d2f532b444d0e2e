#pragma once

#include <memory>
#include <string>

#include "builder/build.hpp"

namespace kiln {

/// Everything from a model as it was read to an engine that may be kept: rewrites it, decides how it is done, packs
/// the weights, and holds the engine against the reference code. `identity` tells the model from all others; an engine
/// of the same model with the same choices that was found right before, by the timing cache, is not tried again. ""
/// where nothing tells the model from others. `isa` is that of the process where it is not given.
std::shared_ptr<const EngineDef> build_engine(ModelDef model, const BuildOptions& options,
                                              const std::string& identity = "", std::optional<Isa> isa = {});

}  // namespace kiln
