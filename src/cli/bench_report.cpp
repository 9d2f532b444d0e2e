#include "cli/bench_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/cpu.hpp"
#include "cli/bench_profile_report.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {
namespace {

std::vector<std::string> case_cells(const BenchReport& report, const BenchResult& result) {
  std::vector<std::string> cells{std::to_string(result.threads), std::to_string(result.streams)};
  if (report.sweeps_batch()) cells.insert(cells.begin(), std::to_string(result.batch));
  if (report.sweeps_shapes()) cells.insert(cells.begin(), printable(result.shapes));
  return cells;
}

Table case_table(const BenchReport& report, const std::vector<std::string>& headings) {
  std::vector<Table::Column> columns{{"threads", Table::Align::right}, {"streams", Table::Align::right}};
  if (report.sweeps_batch()) columns.insert(columns.begin(), {"batch", Table::Align::right});
  if (report.sweeps_shapes()) columns.insert(columns.begin(), {"shapes"});
  for (const std::string& heading : headings) columns.push_back({heading, Table::Align::right});
  return Table(std::move(columns));
}

std::vector<double> latency_values(const LatencySummary& summary) {
  return {summary.min, summary.median, summary.mean, summary.p90, summary.p95, summary.p99, summary.max};
}

Json place_json(const BenchResult& result) {
  Json place = {{"threads", result.threads}, {"streams", result.streams}};
  if (result.batch > 0) place["batch"] = result.batch;
  return place;
}

Json case_json(const BenchResult& result) {
  const LatencySummary summary = summarize(result.latencies_ms);
  Json json = {{"inputs", result.inputs},
               {"shapes", result.shapes},
               {"threads", result.threads},
               {"streams", result.streams},
               {"batch", result.batch > 0 ? Json(result.batch) : Json()},
               {"load_ms", result.load_ms},
               {"first_result_ms", result.first_ms},
               {"runs", result.latencies_ms.size()},
               {"seconds", result.seconds},
               {"latency_ms",
                {{"min", summary.min},
                 {"mean", summary.mean},
                 {"median", summary.median},
                 {"p90", summary.p90},
                 {"p95", summary.p95},
                 {"p99", summary.p99},
                 {"max", summary.max},
                 {"deviation", summary.deviation}}},
               {"runs_per_second", result.throughput()},
               {"items_per_second", result.items_per_second()},
               {"cpu_seconds_per_run", result.cpu_seconds_per_run()},
               {"cpu_seconds_per_second", result.cpu_seconds / result.seconds},
               {"memory_bytes",
                {{"before", result.before.resident},
                 {"peak", result.after.peak},
                 {"steady", result.after.resident},
                 {"arena", result.memory.arena_bytes},
                 {"arena_lower_bound", result.memory.arena_lower_bound}}},
               {"latencies_ms", result.latencies_ms}};
  if (result.profile) json["profile"] = profile_json(*result.profile);
  return json;
}

}  // namespace

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

std::string short_number(double value) {
  const int digits = value == 0 ? 1 : static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return fmt::format("{:.{}f}", value, digits < 0 ? 4 : std::clamp(4 - digits, 0, 3));
}

bool BenchReport::sweeps_shapes() const {
  return std::any_of(results.begin(), results.end(), [&](const BenchResult& result) {
    return result.batch == results.front().batch && result.shapes != results.front().shapes;
  });
}

bool BenchReport::sweeps_batch() const {
  return std::any_of(results.begin(), results.end(),
                     [&](const BenchResult& result) { return result.batch != results.front().batch; });
}

const BenchResult& BenchReport::fastest() const {
  return *std::min_element(results.begin(), results.end(), [](const BenchResult& a, const BenchResult& b) {
    return summarize(a.latencies_ms).median < summarize(b.latencies_ms).median;
  });
}

const BenchResult& BenchReport::busiest() const {
  return *std::max_element(results.begin(), results.end(), [](const BenchResult& a, const BenchResult& b) {
    return a.items_per_second() < b.items_per_second();
  });
}

std::string case_title(const BenchReport& report, const BenchResult& result) {
  std::string title = fmt::format("threads {}, streams {}", result.threads, result.streams);
  if (report.sweeps_batch()) title = fmt::format("batch {}, {}", result.batch, title);
  return report.sweeps_shapes() ? fmt::format("{}, {}", result.shapes, title) : title;
}

Table latency_table(const BenchReport& report) {
  Table table = case_table(
      report, {"runs", "min ms", "median", "mean", "p90", "p95", "p99", "max", "items/s", "CPU ms/run", "CPUs"});
  for (const BenchResult& result : report.results) {
    std::vector<std::string> cells = case_cells(report, result);
    cells.push_back(std::to_string(result.latencies_ms.size()));
    for (const double value : latency_values(summarize(result.latencies_ms))) cells.push_back(short_number(value));
    for (const double value :
         {result.items_per_second(), 1e3 * result.cpu_seconds_per_run(), result.cpu_seconds / result.seconds}) {
      cells.push_back(short_number(value));
    }
    table.add(std::move(cells));
  }
  return table;
}

Table load_table(const BenchReport& report) {
  Table table = case_table(
      report, {"load ms", "first result ms", "peak MB", "steady MB", "before MB", "arena MB", "at least MB"});
  for (const BenchResult& result : report.results) {
    std::vector<std::string> cells = case_cells(report, result);
    for (const double value : {result.load_ms, result.first_ms, megabytes(result.after.peak),
                               megabytes(result.after.resident), megabytes(result.before.resident),
                               megabytes(result.memory.arena_bytes), megabytes(result.memory.arena_lower_bound)}) {
      cells.push_back(short_number(value));
    }
    table.add(std::move(cells));
  }
  return table;
}

void print_bench(const BenchReport& report) {
  for (const std::string& input : report.results.front().inputs) {
    fmt::print("{} {}\n", paint("input", Colour::dim), printable(input));
  }
  latency_table(report).print();
  fmt::print("\n");
  load_table(report).print();
  if (report.can_recommend()) {
    const BenchResult &fastest = report.fastest(), &busiest = report.busiest();
    fmt::print("\nfastest answer: {} ({} ms); most items: {} ({} a second)\n", case_title(report, fastest),
               short_number(summarize(fastest.latencies_ms).median), case_title(report, busiest),
               short_number(busiest.items_per_second()));
  }
  print_profiles(report);
}

Json bench_json(const BenchReport& report) {
  Json cases = Json::array();
  for (const BenchResult& result : report.results) cases.push_back(case_json(result));
  Json json = {{"model", report.model},
               {"kiln", version()},
               {"machine", {{"cpu", cpu_name()}, {"isa", isa_name(best_isa())}}},
               {"cases", cases}};
  if (report.can_recommend()) {
    json["recommended"] = {{"latency", place_json(report.fastest())}, {"throughput", place_json(report.busiest())}};
  }
  return json;
}

std::string bench_csv(const BenchReport& report) {
  std::string text =
      "model,shapes,batch,threads,streams,runs,min_ms,median_ms,mean_ms,p90_ms,p95_ms,p99_ms,max_ms,runs_per_second,"
      "cpu_seconds_per_run,load_ms,first_result_ms,peak_bytes,steady_bytes,before_bytes,arena_bytes,"
      "arena_lower_bound\n";
  for (const BenchResult& result : report.results) {
    text += fmt::format("{},{},{},{},{},{}", csv_field(report.model), csv_field(result.shapes),
                        result.batch > 0 ? std::to_string(result.batch) : std::string(), result.threads, result.streams,
                        result.latencies_ms.size());
    for (const double value : latency_values(summarize(result.latencies_ms))) text += fmt::format(",{}", value);
    text += fmt::format(",{},{},{},{},{},{},{},{},{}\n", result.throughput(), result.cpu_seconds_per_run(),
                        result.load_ms, result.first_ms, result.after.peak, result.after.resident,
                        result.before.resident, result.memory.arena_bytes, result.memory.arena_lower_bound);
  }
  return text;
}

}  // namespace kiln::cli
