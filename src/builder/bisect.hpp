#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/function_ref.hpp"
#include "passes/optimize.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// Whether an engine's answers are as they should be.
using IsRight = FunctionRef<bool(const std::shared_ptr<const EngineDef>& engine)>;

/// The rewrite that makes a graph's answers wrong.
struct BlamedPatch {
  size_t number = 0;  ///< of all that were applied, from 1 on
  AppliedPatch patch;
};

/// Finds the first rewrite after which the reference code's answers are wrong, by trying how many may be applied.
/// Nothing where they are right after all of them, or wrong before the first.
std::optional<BlamedPatch> blame_patch(const ModelDef& original, IsRight is_right, const OptimizeOptions& passes = {});

/// The step that makes an engine's answers wrong.
struct BlamedStep {
  size_t index = 0;
  std::string node;    ///< "node 'conv1' (Conv)"
  std::string ops;     ///< "Conv+Relu"
  std::string tactic;  ///< "conv_winograd, 4x4 tiles of 28"; "moving memory" for what needs none
};

/// Finds the first step with which the answers are wrong while all steps after it are done by reference code. Nothing
/// where they are right with all steps, or wrong with none.
std::optional<BlamedStep> blame_step(const EngineDef& engine, IsRight is_right);

}  // namespace kiln
