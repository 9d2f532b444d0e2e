#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cli/bench_page.hpp"
#include "cli/bench_profile_report.hpp"
#include "cli/html.hpp"

namespace kiln::cli {
namespace {

/// How often latencies fall into equal steps from the least to about the 99th percentile; the last bin takes all above.
struct Bins {
  double begin = 0, width = 1;
  std::vector<int64_t> counts;

  Bins(const std::vector<double>& latencies, const LatencySummary& summary) {
    const auto count = static_cast<int>(std::clamp(2 * std::sqrt(static_cast<double>(latencies.size())), 8.0, 60.0));
    const double range = std::max(summary.p99 - summary.min, 1e-3 * std::max(summary.median, 1e-6));
    begin = summary.min;
    width = range / (count - 1);
    counts.resize(static_cast<size_t>(count));
    for (const double latency : latencies) {
      const auto bin = static_cast<size_t>(std::max(0.0, (latency - begin) / width));
      ++counts[std::min(bin, counts.size() - 1)];
    }
  }
};

class Histogram {
 public:
  Histogram(const std::vector<double>& latencies, const LatencySummary& summary)
      : summary_(summary),
        bins_(latencies, summary),
        most_(static_cast<double>(*std::max_element(bins_.counts.begin(), bins_.counts.end()))) {}

  std::string svg() const {
    std::string text =
        fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="Histogram of latencies">)", width, height);
    text += "\n" + axes() + bars();
    text += mark(summary_.median, "median");
    text += mark(summary_.p95, "p95");
    return text + "</svg>\n";
  }

 private:
  static constexpr double width = 860, height = 260, left = 50, right = 20, top = 30, bottom = 40;

  double x(double latency) const {
    const double span = bins_.width * static_cast<double>(bins_.counts.size());
    return left + (width - left - right) * std::clamp((latency - bins_.begin) / span, 0.0, 1.0);
  }
  double y(double count) const { return height - bottom - (height - top - bottom) * count / most_; }

  std::string axes() const {
    std::string text;
    const double step = std::max(1.0, nice_step(most_, 4));
    for (double count = 0; count <= most_; count += step) {
      text += fmt::format(R"(<line class="rule" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", left, width - right,
                          y(count), y(count));
      text += fmt::format(R"(<text x="{}" y="{:.1f}" text-anchor="end">{:.0f}</text>)", left - 6, y(count) + 4, count);
    }
    const double span = bins_.width * static_cast<double>(bins_.counts.size());
    const double ms = nice_step(span, 8);
    for (double at = std::ceil(bins_.begin / ms) * ms; at <= bins_.begin + span; at += ms) {
      text += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(at), height - bottom + 18,
                          short_number(at));
    }
    return text +
           fmt::format(R"(<text x="{}" y="{}" text-anchor="end">ms; the last bar holds all above</text>)",
                       width - right, height - 6) +
           "\n";
  }

  std::string bars() const {
    std::string text;
    for (size_t i = 0; i < bins_.counts.size(); ++i) {
      if (bins_.counts[i] == 0) continue;
      const double from = bins_.begin + bins_.width * static_cast<double>(i);
      const bool last = i + 1 == bins_.counts.size();
      const auto count = static_cast<double>(bins_.counts[i]);
      text += fmt::format(R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">)", x(from) + 0.5,
                          y(count), std::max(1.0, x(from + bins_.width) - x(from) - 1), height - bottom - y(count));
      text += fmt::format("<title>{} runs of {} to {} ms</title></rect>", bins_.counts[i], short_number(from),
                          short_number(last ? summary_.max : from + bins_.width));
      text += "\n";
    }
    return text;
  }

  std::string mark(double latency, std::string_view name) const {
    const double at = x(latency);
    std::string text = fmt::format(R"(<line class="mark" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>)", at, top - 4,
                                   height - bottom);
    text += fmt::format(R"(<text class="marked" x="{:.1f}" y="{}" text-anchor="{}">{} {}</text>)", at,
                        name == "median" ? top - 8 : top - 20, at > width - 120 ? "end" : "start", name,
                        short_number(latency));
    return text + "\n";
  }

  const LatencySummary& summary_;
  Bins bins_;
  double most_;
};

}  // namespace

std::string bench_html(const BenchReport& report) {
  std::string body = "<h2>Time of a run</h2>\n" + latency_table(report).html();
  body += "<h2>Loading and memory</h2>\n" + load_table(report).html();
  for (const BenchResult& result : report.results) {
    body += fmt::format("<h2>Latencies: {}</h2>\n", html_text(case_title(report, result)));
    const LatencySummary summary = summarize(result.latencies_ms);
    body += Histogram(result.latencies_ms, summary).svg();
    if (!result.profile) continue;
    body += fmt::format("<h2>Layers: {}</h2>\n", html_text(case_title(report, result)));
    body += profile_html(*result.profile);
  }
  return bench_page(report.model, report.results.front().inputs, body);
}

}  // namespace kiln::cli
