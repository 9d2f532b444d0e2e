#include <fmt/core.h>

#include "cli/bench_profile_report.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {
namespace {

constexpr Table::Align at_right = Table::Align::right;

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }

/// A billion a second, where there is anything to say.
std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? short_number(amount / seconds / 1e9) : "";
}

std::string shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most - 2;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;  // no part of a character
  return text.substr(0, end) + "..";
}

Json totals_json(const std::vector<LayerTotal>& totals) {
  Json list = Json::array();
  for (const LayerTotal& total : totals) {
    list.push_back({{"name", total.name},
                    {"steps", total.steps},
                    {"ms", total.seconds * 1e3},
                    {"flops", total.flops},
                    {"bytes", total.bytes}});
  }
  return list;
}

}  // namespace

Table layers_table(const LayerProfile& profile, size_t longest) {
  Table table({{"#", at_right},
               {"nodes"},
               {"operators"},
               {"done by"},
               {"threads", at_right},
               {"us", at_right},
               {"%", at_right},
               {"GFLOP/s", at_right},
               {"GB/s", at_right},
               {"of limit %", at_right}});
  const double all = profile.seconds();
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const StepTime& step = profile.steps[i];
    const double share = profile.share_of_limit(step);
    table.add({std::to_string(i), shortened(printable(layer_nodes(step)), longest),
               shortened(printable(layer_ops(step)), longest), step.kernel,
               step.threads > 0 ? std::to_string(step.threads) : "", short_number(step.seconds * 1e6),
               percent(step.seconds / all), rate(step.flops, step.seconds), rate(step.bytes, step.seconds),
               share > 0 ? fmt::format("{:.0f}", 100 * share) : ""});
  }
  return table;
}

Table totals_table(const std::string& heading, const std::vector<LayerTotal>& totals, double all) {
  Table table(
      {{heading}, {"steps", at_right}, {"ms", at_right}, {"%", at_right}, {"GFLOP/s", at_right}, {"GB/s", at_right}});
  for (const LayerTotal& total : totals) {
    table.add({printable(total.name), std::to_string(total.steps), short_number(total.seconds * 1e3),
               percent(total.seconds / all), rate(total.flops, total.seconds), rate(total.bytes, total.seconds)});
  }
  return table;
}

void print_profiles(const BenchReport& report) {
  for (const BenchResult& result : report.results) {
    if (!result.profile) continue;
    const LayerProfile& profile = *result.profile;
    const double all = profile.seconds();
    fmt::print("\n{} of {}: {} ms in {} steps, the middle of {} runs\n", paint("layers", Colour::bold),
               case_title(report, result), short_number(all * 1e3), profile.steps.size(), profile.runs);
    fmt::print("limits: {} GFLOP/s in f32, {} GB/s from memory\n", short_number(profile.limits.flops / 1e9),
               short_number(profile.limits.bytes / 1e9));
    constexpr size_t longest = 40;
    layers_table(profile, longest).print();
    fmt::print("\n");
    totals_table("done by", totals_by_kernel(profile), all).print();
    fmt::print("\n");
    totals_table("operators", totals_by_operator(profile), all).print();
  }
}

Json profile_json(const LayerProfile& profile) {
  Json layers = Json::array();
  for (const StepTime& step : profile.steps) {
    layers.push_back({{"nodes", step.nodes},
                      {"ops", step.ops},
                      {"kernel", step.kernel},
                      {"threads", step.threads},
                      {"us", step.seconds * 1e6},
                      {"flops", step.is_counted ? Json(step.flops) : Json()},
                      {"bytes", step.is_counted ? Json(step.bytes) : Json()},
                      {"share_of_limit", step.is_counted ? Json(profile.share_of_limit(step)) : Json()}});
  }
  return {{"runs", profile.runs},
          {"ms", profile.seconds() * 1e3},
          {"limits", {{"flops_per_second", profile.limits.flops}, {"bytes_per_second", profile.limits.bytes}}},
          {"layers", layers},
          {"by_kernel", totals_json(totals_by_kernel(profile))},
          {"by_operator", totals_json(totals_by_operator(profile))}};
}

std::string profiles_csv(const BenchReport& report) {
  std::string text =
      "model,shapes,batch,threads,streams,layer,nodes,ops,kernel,kernel_threads,us,flops,bytes,share_of_limit\n";
  for (const BenchResult& result : report.results) {
    if (!result.profile) continue;
    for (size_t i = 0; i < result.profile->steps.size(); ++i) {
      const StepTime& step = result.profile->steps[i];
      std::string nodes;
      for (const std::string& node : step.nodes) nodes += (nodes.empty() ? "" : " ") + node;
      text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}", csv_field(report.model), csv_field(result.shapes),
                          result.batch > 0 ? std::to_string(result.batch) : std::string(), result.threads,
                          result.streams, i, csv_field(nodes), csv_field(step.ops), csv_field(step.kernel),
                          step.threads, step.seconds * 1e6);
      text += step.is_counted ? fmt::format(",{},{},{}\n", step.flops, step.bytes, result.profile->share_of_limit(step))
                              : std::string(",,,\n");
    }
  }
  return text;
}

}  // namespace kiln::cli
