#pragma once

#include <string>
#include <vector>

#include "kernels/limits/machine_limits.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {

/// What the steps of a run took, each in the middle of several runs.
struct LayerProfile {
  std::vector<StepTime> steps;  ///< in order; `seconds` is the median
  int64_t runs = 0;
  MachineLimits limits;  ///< of all threads of the case

  double seconds() const;
  /// What the machine could not go below, over what it took: more than 1 where Winograd's formulas save operations or
  /// where data comes from caches. 0 where the work is not known.
  double share_of_limit(const StepTime& step) const;
};

/// Runs the session again and again, at most so long and so often, and at least once.
LayerProfile profile_layers(Session& session, const Session::Feeds& feeds, int threads, double seconds, int64_t runs);

/// What steps of one kind come to.
struct LayerTotal {
  std::string name;
  int64_t steps = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

/// "first" or "first +2"; "" for a copy between layouts.
std::string layer_nodes(const StepTime& step);
/// "Conv+Relu", or "(copy)".
std::string layer_ops(const StepTime& step);

/// By kernel, and by the operators that were done together; those that take longest first.
std::vector<LayerTotal> totals_by_kernel(const LayerProfile& profile);
std::vector<LayerTotal> totals_by_operator(const LayerProfile& profile);

}  // namespace kiln::cli
