#pragma once

#include <string>
#include <vector>

#include "cli/bench_run.hpp"
#include "cli/json.hpp"

namespace kiln::cli {

struct BenchReport {
  std::string model;
  std::vector<BenchResult> results;  ///< never empty

  bool sweeps_shapes() const;  ///< whether the cases differ in their shapes
  const BenchResult& fastest() const;
  /// Of the cases with the shapes of the first one, the one that does most runs a second.
  const BenchResult& busiest() const;
};

void print_bench(const BenchReport& report);
Json bench_json(const BenchReport& report);
/// A line for each case under a line of headings.
std::string bench_csv(const BenchReport& report);
/// A page that needs nothing else: tables, and a histogram of each case.
std::string bench_html(const BenchReport& report);

/// Four digits at most: "0.0123", "1.234", "12.34", "1234".
std::string short_number(double value);
/// "threads 2, streams 1", and the shapes where the cases differ in them.
std::string case_title(const BenchReport& report, const BenchResult& result);

}  // namespace kiln::cli
