#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench_profile.hpp"
#include "cli/feeds.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {

/// The one thing to measure: how the model is fed, and by how many threads.
struct BenchCase {
  std::vector<FeedOptions> feeds;  ///< runs take them in turn
  int threads = 1;                 ///< of the pool
  int streams = 1;                 ///< callers that run the session side by side
  int64_t batch = 0;               ///< what --batch made the first dims; 0 without it
};

struct BenchLimits {
  double seconds = 3;  ///< how long to run
  int64_t runs = 0;    ///< or how often in each stream; 0 leaves it to `seconds`
  bool profile = false;
  int64_t max_memory = 0;  ///< of a run; 0 for no limit
  int64_t warmup = 0;      ///< runs before, in each stream; 0 takes a tenth of the time, and one run at least
};

/// Bytes of this process.
struct ProcessMemory {
  int64_t peak = 0;      ///< most that was resident since reset_peak_memory()
  int64_t resident = 0;  ///< now
};
ProcessMemory process_memory();
void reset_peak_memory();

struct BenchResult {
  std::vector<std::string> inputs;  ///< "x: f32[1,4] (random)", of the first feeds
  std::string shapes;               ///< "x=1x4", what tells cases apart
  int threads = 1;
  int streams = 1;
  int64_t batch = 0;
  double load_ms = 0;   ///< reading the model and making it ready
  double first_ms = 0;  ///< load_ms and the first run
  double seconds = 0;   ///< that all the runs took together
  double cpu_seconds = 0;
  std::vector<double> latencies_ms;  ///< in the order in which the runs ended; streams one after the other
  ProcessMemory before;              ///< before loading
  ProcessMemory after;               ///< of the whole case
  RunMemory memory;
  std::optional<LayerProfile> profile;

  double throughput() const { return static_cast<double>(latencies_ms.size()) / seconds; }
  double items_per_second() const { return throughput() * static_cast<double>(batch > 0 ? batch : 1); }
  double cpu_seconds_per_run() const { return cpu_seconds / static_cast<double>(latencies_ms.size()); }
};

/// Loads the model and runs it.
BenchResult run_bench_case(const std::string& model, const BenchCase& wanted, const BenchLimits& limits);

/// What a list of latencies comes to, in ms.
struct LatencySummary {
  double min = 0, mean = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, max = 0, deviation = 0;
};
LatencySummary summarize(std::vector<double> latencies);

}  // namespace kiln::cli
