#include <fmt/core.h>

#include <algorithm>

#include "base/cpu.hpp"
#include "cli/bench_page.hpp"
#include "cli/bench_report.hpp"
#include "cli/html.hpp"
#include "cli/shape_options.hpp"
#include "cli/soak.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {
namespace {

constexpr size_t first_runs = 100;

LatencySummary latencies(const SoakResult& result) {
  std::vector<double> ms;
  for (const SoakResult::Run& run : result.runs) ms.push_back(run.ms);
  return summarize(std::move(ms));
}

/// Runs after which memory is told: 1, 10, 100, 500, then powers of ten, and the last.
std::vector<size_t> marks(size_t count) {
  std::vector<size_t> marks;
  for (const size_t mark : {1, 10, 100, 500, 1000, 10000, 100000, 1000000}) {
    if (mark < count) marks.push_back(mark);
  }
  marks.push_back(count);
  return marks;
}

Table time_table(const SoakResult& result) {
  constexpr Table::Align right = Table::Align::right;
  Table table({{"runs", right},
               {"ns/element", right},
               {"of the first 100", right},
               {"median ms", right},
               {"p99", right},
               {"max", right},
               {"load ms", right},
               {"plans made", right},
               {"ms for a plan", right}});
  const LatencySummary summary = latencies(result);
  const size_t count = result.runs.size();
  std::vector<std::string> cells{std::to_string(count)};
  for (const double value :
       {result.nanoseconds_per_element(0, count), result.nanoseconds_per_element(0, std::min(count, first_runs)),
        summary.median, summary.p99, summary.max, result.load_ms}) {
    cells.push_back(short_number(value));
  }
  cells.push_back(std::to_string(result.plans_made()));
  cells.push_back(short_number(result.plan_ms()));
  table.add(std::move(cells));
  return table;
}

Table memory_table(const SoakResult& result) {
  constexpr Table::Align right = Table::Align::right;
  Table table({{"after runs", right}, {"resident MB", right}, {"since before", right}});
  for (const size_t mark : marks(result.runs.size())) {
    const int64_t resident = result.runs[mark - 1].resident;
    table.add(
        {std::to_string(mark), short_number(megabytes(resident)), short_number(megabytes(resident - result.before))});
  }
  return table;
}

/// Something over the runs: a line, or a dot for each.
class Plot {
 public:
  Plot(std::vector<double> values, std::string unit, bool dots)
      : values_(std::move(values)),
        unit_(std::move(unit)),
        dots_(dots),
        most_(std::max(1e-9, *std::max_element(values_.begin(), values_.end()))) {}

  std::string svg() const {
    std::string text = fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{} over the runs">)", width,
                                   height, html_text(unit_));
    text += "\n";
    const double step = nice_step(most_, 4);
    for (double value = 0; value <= most_; value += step) {
      text += fmt::format(R"(<line class="rule" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", left, width - right,
                          y(value), y(value));
      text += fmt::format(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", left - 6, y(value) + 4,
                          short_number(value));
    }
    const auto count = static_cast<double>(values_.size());
    const double runs = std::max(1.0, nice_step(count, 8));
    for (double at = 0; at <= count; at += runs) {
      text +=
          fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{:.0f}</text>)", x(at), height - bottom + 18, at);
    }
    text += fmt::format(R"(<text x="{}" y="{}" text-anchor="end">runs</text>)", width - right, height - 4);
    text += fmt::format(R"(<text x="{}" y="16">{}</text>)", 4, html_text(unit_));
    return text + "\n" + (dots_ ? dots() : line()) + "</svg>\n";
  }

 private:
  static constexpr double width = 860, height = 240, left = 60, right = 20, top = 26, bottom = 40;
  static constexpr size_t most_points = 2000;

  double x(double run) const {
    return left + (width - left - right) * run / static_cast<double>(std::max<size_t>(1, values_.size()));
  }
  double y(double value) const { return height - bottom - (height - top - bottom) * value / most_; }

  /// Of so many runs in a row the largest value is drawn.
  size_t stride() const { return (values_.size() + most_points - 1) / most_points; }

  std::string line() const {
    std::string points;
    for (size_t i = 0; i < values_.size(); i += stride()) {
      const size_t end = std::min(values_.size(), i + stride());
      const auto from = values_.begin() + static_cast<std::ptrdiff_t>(i);
      const double most = *std::max_element(from, values_.begin() + static_cast<std::ptrdiff_t>(end));
      points += fmt::format("{:.1f},{:.1f} ", x(static_cast<double>(end)), y(most));
    }
    return fmt::format(R"(<polyline class="roof" points="{}"/>)", points) + "\n";
  }
  std::string dots() const {
    std::string text;
    for (size_t i = 0; i < values_.size(); i += stride()) {
      text += fmt::format(R"(<circle class="dot" r="2" cx="{:.1f}" cy="{:.1f}"/>)", x(static_cast<double>(i + 1)),
                          y(values_[i]));
    }
    return text + "\n";
  }

  std::vector<double> values_;
  std::string unit_;
  bool dots_;
  double most_;
};

}  // namespace

void print_soak(const SoakResult& result) {
  for (const std::string& input : result.inputs) {
    fmt::print("{} {}\n", paint("input", Colour::dim), printable(input));
  }
  time_table(result).print();
  fmt::print("\n");
  memory_table(result).print();
  fmt::print("\npeak {} MB; at the end: arena {} MB, {} plans of {} MB together, {} MB kept for values\n",
             short_number(megabytes(result.peak)), short_number(megabytes(result.memory.arena_bytes)),
             result.memory.plans, short_number(megabytes(result.memory.plan_bytes)),
             short_number(megabytes(result.memory.kept_bytes)));
}

Json soak_json(const SoakResult& result) {
  const size_t count = result.runs.size();
  const LatencySummary summary = latencies(result);
  Json dims = Json::array(), ms = Json::array(), plan_ms = Json::array(), resident = Json::array();
  for (const SoakResult::Run& run : result.runs) {
    dims.push_back(run.dims);
    ms.push_back(run.ms);
    plan_ms.push_back(run.plan_ms);
    resident.push_back(run.resident);
  }
  return {{"model", result.model},
          {"kiln", version()},
          {"machine", {{"cpu", cpu_name()}, {"isa", isa_name(best_isa())}}},
          {"inputs", result.inputs},
          {"threads", result.threads},
          {"load_ms", result.load_ms},
          {"runs", count},
          {"ns_per_element", result.nanoseconds_per_element(0, count)},
          {"ns_per_element_first_100", result.nanoseconds_per_element(0, std::min(count, first_runs))},
          {"latency_ms", {{"median", summary.median}, {"p99", summary.p99}, {"max", summary.max}}},
          {"plans_made", result.plans_made()},
          {"plan_ms", result.plan_ms()},
          {"memory_bytes",
           {{"before", result.before},
            {"peak", result.peak},
            {"last", result.runs.back().resident},
            {"arena", result.memory.arena_bytes},
            {"plans", result.memory.plan_bytes},
            {"kept", result.memory.kept_bytes}}},
          {"dims", dims},
          {"latencies_ms", ms},
          {"plans_ms", plan_ms},
          {"resident_bytes", resident}};
}

std::string soak_csv(const SoakResult& result) {
  std::string text = "dims,ms,plan_ms,resident_bytes\n";
  for (const SoakResult::Run& run : result.runs) {
    text += fmt::format("{},{},{},{}\n", shape_text(run.dims), run.ms, run.plan_ms, run.resident);
  }
  return text;
}

std::string soak_html(const SoakResult& result) {
  std::vector<double> resident, time;
  for (size_t i = 0; i < result.runs.size(); ++i) {
    resident.push_back(megabytes(result.runs[i].resident));
    time.push_back(result.nanoseconds_per_element(i, i + 1));
  }
  std::string body = "<h2>Time</h2>\n" + time_table(result).html();
  body += Plot(std::move(time), "ns for each element", true).svg();
  body += "<h2>Memory</h2>\n" + memory_table(result).html();
  body += Plot(std::move(resident), "resident MB", false).svg();
  return bench_page(result.model, result.inputs, body);
}

}  // namespace kiln::cli
