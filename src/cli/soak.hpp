#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/feeds.hpp"
#include "cli/json.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {

struct SoakOptions {
  std::string model, shapes;  ///< "random:96..608/32,96..608/32"
  FeedOptions feeds;
  int64_t count = 1000;
  int threads = 1;
  SessionOptions session;
};

/// Runs on inputs of random shapes, one after the other.
struct SoakResult {
  std::string model;
  std::vector<std::string> inputs;  ///< "x: [1,3,96..608/32,96..608/32] (random)"
  int threads = 1;
  double load_ms = 0;
  int64_t before = 0;  ///< resident bytes before the model was loaded, with the inputs
  int64_t peak = 0;
  struct Run {
    std::vector<int64_t> dims;  ///< that were drawn
    double ms = 0, plan_ms = 0;
    int64_t resident = 0;  ///< bytes after it
  };
  std::vector<Run> runs;  ///< never empty
  SessionMemory memory;   ///< at the end

  /// The products of the drawn dims: pixels of pictures, tokens of texts.
  double elements(size_t first, size_t end) const;
  double nanoseconds_per_element(size_t first, size_t end) const;
  size_t plans_made() const;
  double plan_ms() const;  ///< mean of those made
};

SoakResult run_soak(const SoakOptions& options);

void print_soak(const SoakResult& result);
Json soak_json(const SoakResult& result);
/// A line for each run.
std::string soak_csv(const SoakResult& result);
/// A page with tables, and memory and time over the runs.
std::string soak_html(const SoakResult& result);

}  // namespace kiln::cli
