#include "cli/bench_profile.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/cpu.hpp"
#include "base/function_ref.hpp"
#include "base/timer.hpp"

namespace kiln::cli {
namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<LayerTotal> totals(const LayerProfile& profile, FunctionRef<std::string(const StepTime&)> name_of) {
  std::map<std::string, LayerTotal> by_name;
  for (const StepTime& step : profile.steps) {
    LayerTotal& total = by_name[name_of(step)];
    ++total.steps;
    total.seconds += step.seconds, total.flops += step.flops, total.bytes += step.bytes;
  }
  std::vector<LayerTotal> all;
  for (auto& [name, total] : by_name) {
    total.name = name;
    all.push_back(total);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return all;
}

}  // namespace

double LayerProfile::seconds() const {
  double sum = 0;
  for (const StepTime& step : steps) sum += step.seconds;
  return sum;
}

double LayerProfile::share_of_limit(const StepTime& step) const {
  return step.is_counted && step.seconds > 0 ? limits.seconds(step.flops, step.bytes) / step.seconds : 0;
}

LayerProfile profile_layers(Session& session, const Session::Feeds& feeds, int threads, double seconds, int64_t runs) {
  LayerProfile profile;
  std::vector<std::vector<double>> times;
  const Timer timer;
  do {
    size_t index = 0;
    RunOptions options;
    options.on_step = [&](const StepTime& step) {
      if (index == times.size()) {
        times.emplace_back();
        profile.steps.push_back(step);
      }
      times[index++].push_back(step.seconds);
    };
    session.run(feeds, {}, options);
    ++profile.runs;
  } while (runs > 0 ? profile.runs < runs : timer.seconds() < seconds);
  for (size_t i = 0; i < times.size(); ++i) profile.steps[i].seconds = median(times[i]);
  profile.limits = machine_limits(best_isa(), threads);
  return profile;
}

std::string layer_nodes(const StepTime& step) {
  if (step.nodes.empty()) return "";
  return step.nodes.size() == 1 ? step.nodes.front() : fmt::format("{} +{}", step.nodes.front(), step.nodes.size() - 1);
}

std::string layer_ops(const StepTime& step) { return step.ops.empty() ? "(copy)" : step.ops; }

std::vector<LayerTotal> totals_by_kernel(const LayerProfile& profile) {
  return totals(profile, [](const StepTime& step) { return step.kernel; });
}

std::vector<LayerTotal> totals_by_operator(const LayerProfile& profile) {
  return totals(profile, [](const StepTime& step) { return layer_ops(step); });
}

}  // namespace kiln::cli
