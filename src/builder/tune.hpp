#pragma once

#include <functional>
#include <string>
#include <vector>

#include "builder/candidate.hpp"
#include "builder/select.hpp"
#include "builder/timing_cache.hpp"

namespace kiln {

struct TuneOptions {
  Tune tune = Tune::fast;
  double time_budget_seconds = 60;
  size_t most_candidates = 12;            ///< that are measured for a group, where not all are
  std::vector<std::vector<size_t>> sure;  ///< for each choice, candidates that are measured in any case
  double price = 0;                       ///< of a byte, so that what cannot be chosen need not be measured for long
  std::function<void(const BuildProgress&)> progress;
  std::function<bool()> stopped;  ///< true ends the measuring early
};

/// Measures the candidates that may be chosen, or finds them in the cache, and puts their times into the choices. Of
/// candidates with the same formats those that were not measured are taken out, where others were.
void tune(std::vector<Choice>& choices, CopyCosts& copies, const Target& target, TimingCache& cache,
          const TuneOptions& options);

}  // namespace kiln
