#pragma once

#include <string>
#include <vector>

#include "cli/bench_run.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"

namespace kiln::cli {

struct BenchReport {
  std::string model;
  std::vector<BenchResult> results;  ///< never empty

  bool sweeps_shapes() const;  ///< whether the cases differ in their shapes, other than by --batch
  bool sweeps_batch() const;
  bool can_recommend() const { return results.size() > 1 && !sweeps_shapes(); }
  const BenchResult& fastest() const;  ///< the least median
  const BenchResult& busiest() const;  ///< most items a second
};

void print_bench(const BenchReport& report);
Json bench_json(const BenchReport& report);
/// A line for each case under a line of headings.
std::string bench_csv(const BenchReport& report);
/// A page that needs nothing else: tables, and a histogram of each case.
std::string bench_html(const BenchReport& report);

/// A line for each case: how long its runs took, and what loading took of time and memory.
Table latency_table(const BenchReport& report);
Table load_table(const BenchReport& report);

double megabytes(int64_t bytes);
/// A field of CSV: in quotes where it has to be.
std::string csv_field(const std::string& text);
/// About four digits: "0.0123", "1.234", "12.34", "1234".
std::string short_number(double value);
/// "threads 2, streams 1", and the shapes where the cases differ in them.
std::string case_title(const BenchReport& report, const BenchResult& result);

}  // namespace kiln::cli
