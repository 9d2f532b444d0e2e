#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>

#include "builder/build_engine.hpp"
#include "builder/builder_knobs.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/shape_options.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/writer.hpp"

namespace kiln::cli {
namespace {

struct Options {
  std::string model, onnx_output, timing_cache, budget;
  std::vector<std::string> shapes;
  BuildOptions build;
  bool explain = false, json = false, no_verify = false;
};

const std::map<std::string, Tune> tunes{{"off", Tune::off}, {"fast", Tune::fast}, {"full", Tune::full}};
const std::map<std::string, Prefer> preferences{
    {"balanced", Prefer::balanced}, {"speed", Prefer::speed}, {"memory", Prefer::memory}};
const std::map<std::string, Math> maths{{"fast", Math::fast}, {"strict", Math::strict}};

/// "90", "60s", "2m"
double seconds_of(const std::string& text) {
  size_t used = 0;
  double number = -1;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "ms" ? 1e-3 : -1;
  if (!(number >= 0) || factor < 0) fail_usage("--time-budget {}: expected a time like 60s or 2m", text);
  return number * factor;
}

std::atomic<bool> stop_asked{false};

/// While it lives, the first Ctrl-C ends the measuring; the next one ends the program.
class StopOnInterrupt {
 public:
  StopOnInterrupt() {
    stop_asked = false;
    before_ = std::signal(SIGINT, [](int) {
      stop_asked = true;
      std::signal(SIGINT, SIG_DFL);
    });
  }
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;
  ~StopOnInterrupt() { std::signal(SIGINT, before_); }

 private:
  void (*before_)(int);
};

std::string way_text(const WayReport& way) {
  const std::string time = way.measured ? fmt::format("{:.1f} us", way.seconds * 1e6) : "";
  const std::string bytes = way.bytes > 0 ? fmt::format(", {:.0f} KiB", way.bytes / 1024) : "";
  return fmt::format("{:>12} {:>13}  {} {}{}", time, fmt::format("~{:.1f} us", way.modelled * 1e6), way.what,
                     way.formats, bytes);
}

void explain(const BuiltEngine& built) {
  fmt::print("{}\n", paint("passes", Colour::bold));
  for (const AppliedPatch& patch : built.passes.patches) {
    fmt::print("  {:24} {}\n", patch.pass, printable(patch.what));
  }
  fmt::print("{} (measured, ~ as modelled, tactic, formats, weights)\n", paint("groups", Colour::bold));
  for (const GroupReport& group : built.groups.groups) {
    fmt::print("  {} {}\n  {}\n", printable(group.nodes), paint(group.ops, Colour::dim), way_text(group.pick));
    constexpr size_t most_others = 5;
    for (size_t i = 0; i < group.others.size() && i < most_others; ++i) {
      fmt::print("  {}\n", paint(way_text(group.others[i]), Colour::dim));
    }
    for (const auto& [tactic, why] : group.declines) {
      fmt::print("    {}\n", paint(fmt::format("declined: {}: {}", tactic, why), Colour::dim));
    }
  }
}

Json way_json(const WayReport& way) {
  Json json{{"what", way.what}, {"formats", way.formats}, {"modelled_us", way.modelled * 1e6}, {"bytes", way.bytes}};
  if (way.measured) json["measured_us"] = way.seconds * 1e6;
  return json;
}

Json report_json(const BuiltEngine& built, double seconds) {
  Json patches = Json::array(), groups = Json::array();
  for (const AppliedPatch& patch : built.passes.patches) {
    patches.push_back({{"pass", patch.pass}, {"what", patch.what}});
  }
  for (const GroupReport& group : built.groups.groups) {
    Json others = Json::array(), declines = Json::array();
    for (const WayReport& way : group.others) others.push_back(way_json(way));
    for (const auto& [tactic, why] : group.declines) declines.push_back({{"tactic", tactic}, {"why", why}});
    groups.push_back({{"nodes", group.nodes},
                      {"ops", group.ops},
                      {"problem", group.problem},
                      {"pick", way_json(group.pick)},
                      {"others", std::move(others)},
                      {"declines", std::move(declines)}});
  }
  Json json{{"seconds", seconds}, {"patches", std::move(patches)}, {"groups", std::move(groups)}};
  if (built.verified.done) json["difference"] = built.verified.difference;
  return json;
}

void print_summary(const BuiltEngine& built, double seconds) {
  double run = 0;
  int64_t packed = 0;
  size_t measured = 0, reference = 0;
  for (const MachineStep& step : built.engine->machine()->steps) {
    run += step.seconds, packed += step.packed_floats * static_cast<int64_t>(sizeof(float));
    measured += step.measured ? 1 : 0;
  }
  for (const GroupReport& group : built.groups.groups) reference += group.pick.what == "reference code" ? 1 : 0;
  fmt::print("{} nodes became {} in {} steps, {} of them measured{}\n", built.passes.nodes_before,
             built.passes.nodes_after, built.groups.groups.size(), measured,
             reference > 0 ? fmt::format(", {} by reference code", reference) : "");
  fmt::print("expected to run in {:.2f} ms, with {:.1f} MiB of packed weights\n", run * 1e3,
             static_cast<double>(packed) / (1 << 20));
  if (built.verified.done) {
    fmt::print("verified: the largest difference from the reference is {:.1e} of the largest magnitude\n",
               built.verified.difference);
  } else if (!built.verified.why_not.empty()) {
    fmt::print("{} {}\n", paint("not verified:", Colour::yellow), printable(built.verified.why_not));
  }
  fmt::print("built in {:.1f} s\n", seconds);
}

std::map<std::string, Shape> shapes_of(const ModelDef& model, const std::vector<std::string>& options) {
  std::map<std::string, Shape> shapes;
  for (const std::string& option : options) {
    const size_t equals = option.rfind('=');
    if (equals == std::string::npos) fail_usage("--shapes {}: expected NAME=DIMS", option);
    const std::string name = option.substr(0, equals);
    const auto& inputs = model.graph.inputs;
    if (std::none_of(inputs.begin(), inputs.end(), [&](ValueId id) { return model.graph.name_of(id) == name; })) {
      fail_usage("--shapes {}: the model has no input of this name", option);
    }
    shapes[name] = parse_shape(std::string_view(option).substr(equals + 1), "--shapes " + name);
  }
  return shapes;
}

int build(Options& options) {
  require_file(options.model);
  const auto begin = std::chrono::steady_clock::now();
  if (!options.budget.empty()) options.build.time_budget_seconds = seconds_of(options.budget);
  if (!options.timing_cache.empty()) timing_cache_knob.set(options.timing_cache);
  options.build.verify = !options.no_verify;
  ModelDef model = read_onnx_file(options.model);
  const std::map<std::string, Shape> shapes = shapes_of(model, options.shapes);
  BuiltEngine built;
  {
    ProgressBar bar("building");
    options.build.progress = [&](const BuildProgress& progress) {
      const auto total = static_cast<double>(std::max<size_t>(progress.total, 1));
      bar.update(static_cast<double>(progress.done) / total, progress.seconds_left);
    };
    options.build.stop_tuning = &stop_asked;
    const StopOnInterrupt guard;
    built = build_engine(std::move(model), options.build, shapes);
  }
  if (!options.onnx_output.empty()) write_onnx_file(built.engine->model(), options.onnx_output);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (options.json) {
    print_json(report_json(built, took.count()));
    return exit_good;
  }
  if (options.explain) explain(built);
  print_summary(built, took.count());
  return exit_good;
}

template <class E>
void add_choice(CLI::App& command, const std::string& name, E& target, const std::map<std::string, E>& choices,
                const std::string& help) {
  std::string names;
  for (const auto& [choice, value] : choices) names += (names.empty() ? "" : "|") + choice;
  command
      .add_option_function<std::string>(
          name,
          [name, &target, &choices](const std::string& text) {
            const auto found = choices.find(text);
            if (found == choices.end()) fail_usage("{} {}: no such choice", name, text);
            target = found->second;
          },
          help)
      ->type_name(names);
}

}  // namespace

void add_build(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("build", "Makes an engine for this machine of a model.");
  command->footer(
      R"(The graph is rewritten; the ways to do each node are timed on this machine, with weights that are not
in cache and inputs that the layer before has just left; and those are taken that are fastest together.
What was measured is kept (--timing-cache), so that the next build takes seconds. Ctrl-C ends the
measuring and keeps the best so far.

Examples:
  kiln build model.onnx --explain
  kiln build model.onnx --tune full --time-budget 10m --prefer speed
  kiln build model.onnx --shapes images=1x3x640x640 --save-onnx rewritten.onnx)");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "an ONNX file")->required()->type_name("MODEL");
  add_choice(*command, "--tune", options->build.tune, tunes,
             "how much is timed: nothing, what looks promising (the default), everything");
  command->add_option("--time-budget", options->budget, "how long to measure at most (default 60s)")->type_name("TIME");
  add_choice(*command, "--prefer", options->build.prefer, preferences,
             "what wins where speed takes memory: by default a megabyte must buy 5 us a run");
  add_choice(*command, "--math", options->build.math, maths,
             "strict forbids formulas with larger rounding errors (Winograd)");
  command->add_option("--timing-cache", options->timing_cache, "the file that keeps what was measured, or none")
      ->type_name("FILE");
  command->add_option("--shapes", options->shapes, "the shape to choose for, of an input with open dims")
      ->type_name("NAME=DIMS")
      ->allow_extra_args(false);
  command->add_flag("--explain", options->explain,
                    "print every rewrite, every choice with its time, and why tactics declined");
  command->add_flag("--json", options->json, "print the same as JSON, with every way that was looked at");
  command->add_option("--save-onnx", options->onnx_output, "write the rewritten graph as ONNX")->type_name("FILE");
  command->add_flag("--no-verify", options->no_verify, "do not hold the engine against the reference code");
  command->callback([options, &exit_code] { exit_code = build(*options); });
}

}  // namespace kiln::cli
