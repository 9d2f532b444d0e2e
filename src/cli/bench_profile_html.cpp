#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cli/bench_profile_report.hpp"
#include "cli/html.hpp"

namespace kiln::cli {
namespace {

constexpr double chart_width = 860, chart_left = 60, chart_right = 20;

std::string title_of(const StepTime& step, const LayerProfile& profile) {
  std::string text = fmt::format("{} {}: {}, {} us", layer_nodes(step), layer_ops(step), step.kernel,
                                 short_number(step.seconds * 1e6));
  if (step.is_counted && step.seconds > 0) {
    text += fmt::format(", {} GFLOP/s, {} GB/s, {:.0f} % of the limit", short_number(step.flops / step.seconds / 1e9),
                        short_number(step.bytes / step.seconds / 1e9), 100 * profile.share_of_limit(step));
  }
  return html_text(text);
}

/// A bar for each step, in order.
std::string bars(const LayerProfile& profile) {
  constexpr double height = 240, top = 16, bottom = 34;
  double most = 1e-9;
  for (const StepTime& step : profile.steps) most = std::max(most, step.seconds * 1e6);
  const auto y = [&](double us) { return height - bottom - (height - top - bottom) * us / most; };
  const double each = (chart_width - chart_left - chart_right) / static_cast<double>(profile.steps.size());
  std::string text =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Time of each layer\">\n", chart_width, height);
  const double step_us = nice_step(most, 4);
  for (double us = 0; us <= most; us += step_us) {
    text += fmt::format(R"(<line class="rule" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", chart_left,
                        chart_width - chart_right, y(us), y(us));
    text += fmt::format(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", chart_left - 6, y(us) + 4,
                        short_number(us));
  }
  text += "\n";
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const double us = profile.steps[i].seconds * 1e6, bar = std::max(0.5, (height - top - bottom) * us / most);
    text +=
        fmt::format(R"(<rect class="bar" x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}">)",
                    chart_left + each * static_cast<double>(i), height - bottom - bar, std::max(0.4, each * 0.85), bar);
    text += fmt::format("<title>{}</title></rect>\n", title_of(profile.steps[i], profile));
  }
  text += fmt::format(R"(<text x="{}" y="{}" text-anchor="end">layers in order; us</text>)", chart_width - chart_right,
                      height - 10);
  return text + "\n</svg>\n";
}

/// Operations a second over operations a byte, under what the machine can do.
class Roofline {
 public:
  explicit Roofline(const LayerProfile& profile) : profile_(profile) {
    for (const StepTime& step : profile.steps) {
      if (!step.is_counted || step.flops <= 0 || step.bytes <= 0 || step.seconds <= 0) continue;
      points_.push_back({step.flops / step.bytes, step.flops / step.seconds, &step});
    }
    const double ridge = profile.limits.flops / profile.limits.bytes;
    begin_x_ = ridge / 10, end_x_ = ridge * 10, end_y_ = profile.limits.flops * 2;
    begin_y_ = profile.limits.flops / 1000;
    for (const Point& point : points_) {
      begin_x_ = std::min(begin_x_, point.intensity / 2), end_x_ = std::max(end_x_, point.intensity * 2);
      begin_y_ = std::min(begin_y_, point.speed / 2), end_y_ = std::max(end_y_, point.speed * 2);
    }
  }

  std::string svg() const {
    std::string text =
        fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Roofline\">\n", chart_width, height);
    return text + axes() + roof() + dots() + "</svg>\n";
  }

 private:
  struct Point {
    double intensity, speed;
    const StepTime* step;
  };
  static constexpr double height = 360, top = 20, bottom = 40;

  double x(double intensity) const {
    return chart_left +
           (chart_width - chart_left - chart_right) * std::log(intensity / begin_x_) / std::log(end_x_ / begin_x_);
  }
  double y(double speed) const {
    return height - bottom - (height - top - bottom) * std::log(speed / begin_y_) / std::log(end_y_ / begin_y_);
  }

  std::string axes() const {
    std::string text;
    for (double at = std::pow(10.0, std::ceil(std::log10(begin_y_))); at <= end_y_; at *= 10) {
      text += fmt::format(R"(<line class="rule" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", chart_left,
                          chart_width - chart_right, y(at), y(at));
      text +=
          fmt::format(R"(<text x="{}" y="{:.1f}" text-anchor="end">{:g}</text>)", chart_left - 6, y(at) + 4, at / 1e9);
    }
    for (double at = std::pow(10.0, std::ceil(std::log10(begin_x_))); at <= end_x_; at *= 10) {
      text += fmt::format(R"(<line class="rule" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>)", x(at), top,
                          height - bottom);
      text +=
          fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>)", x(at), height - bottom + 16, at);
    }
    return text +
           fmt::format(R"(<text x="{}" y="{}" text-anchor="end">operations a byte; GFLOP/s</text>)",
                       chart_width - chart_right, height - 6) +
           "\n";
  }

  std::string roof() const {
    const double ridge = profile_.limits.flops / profile_.limits.bytes;
    // The slope of memory ends where the picture does.
    const double from = std::max(begin_x_, begin_y_ / profile_.limits.bytes);
    return fmt::format("<polyline class=\"roof\" points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\"/>\n", x(from),
                       y(from * profile_.limits.bytes), x(ridge), y(profile_.limits.flops), x(end_x_),
                       y(profile_.limits.flops));
  }

  /// As large as their share of the time.
  std::string dots() const {
    std::string text;
    const double all = std::max(profile_.seconds(), 1e-12);
    for (const Point& point : points_) {
      text += fmt::format(R"(<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="{:.1f}">)", x(point.intensity),
                          y(point.speed), 2 + 30 * std::sqrt(point.step->seconds / all));
      text += fmt::format("<title>{}</title></circle>\n", title_of(*point.step, profile_));
    }
    return text;
  }

  const LayerProfile& profile_;
  std::vector<Point> points_;
  double begin_x_, end_x_, begin_y_, end_y_;
};

}  // namespace

std::string profile_html(const LayerProfile& profile) {
  if (profile.steps.empty()) return "<p>Nothing is left to do in a run.</p>\n";
  std::string text = fmt::format(
      "<p>{} ms in {} steps, the middle of {} runs. The machine's limits: {} GFLOP/s in f32, {} GB/s from "
      "memory.</p>\n",
      short_number(profile.seconds() * 1e3), profile.steps.size(), profile.runs,
      short_number(profile.limits.flops / 1e9), short_number(profile.limits.bytes / 1e9));
  text += bars(profile);
  text +=
      "<p>Roofline: each dot is a layer, as large as its share of the time; the line is what the machine can do "
      "with data from main memory. Winograd's formulas and data in caches lift a dot above it.</p>\n";
  text += Roofline(profile).svg();
  text += totals_table("done by", totals_by_kernel(profile), profile.seconds()).html();
  text += totals_table("operators", totals_by_operator(profile), profile.seconds()).html();
  return text + layers_table(profile, std::string::npos).html();
}

}  // namespace kiln::cli
