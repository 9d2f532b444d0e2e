#pragma once

#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "passes/patch.hpp"
#include "passes/saving.hpp"

namespace kiln {

/// All passes in the order in which they run, to be read aloud.
std::span<const Pass> all_passes();

struct OptimizeOptions {
  /// Stop after so many patches: a wrong result is bisected to the patch that made it.
  size_t max_patches = std::numeric_limits<size_t>::max();
  std::span<const Pass> passes = all_passes();  ///< beside the rewrites of the whole model
  std::vector<std::string> skip;                ///< names of passes to leave out
  /// Count what each patch saves for inputs of these shapes; null: do not, which is quicker.
  const std::map<std::string, Shape>* count_savings_for = nullptr;
};

/// One applied patch, or what a whole pass did.
struct AppliedPatch {
  std::string pass;
  std::string what;
  Saving saved;
};

struct OptimizeReport {
  std::vector<AppliedPatch> patches;
  std::vector<std::string> notes;  ///< what was left as it was, and why
  size_t nodes_before = 0, nodes_after = 0;
};

/// Rewrites the main graph and its subgraphs until no pass finds anything more, at most a fixed number of rounds.
OptimizeReport optimize(ModelDef& model, const OptimizeOptions& options = {});

}  // namespace kiln
