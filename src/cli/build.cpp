#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>

#include "base/timer.hpp"
#include "builder/builder_knobs.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/shape_options.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "kiln/kiln.hpp"
#include "kiln/preprocessing.hpp"

namespace kiln::cli {
namespace {

struct BuildArguments {
  std::string model, output, onnx_output, timing_cache, budget, preprocess;
  std::vector<std::string> shapes;
  BuildOptions build;
  bool explain = false, json = false, no_verify = false, strip = false;
};

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

std::string amount(double number, std::string_view unit) {
  constexpr std::pair<double, std::string_view> scales[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [scale, prefix] : scales) {
    if (std::abs(number) >= scale) return fmt::format("{:.2f} {}{}", number / scale, prefix, unit);
  }
  return fmt::format("{:.0f} {}", number, unit);
}

/// "1 node, 1.61 MFLOP, 3.21 MB"; less than zero is what a rewrite adds.
std::string savings_text(const PatchReport& patch) {
  std::string text;
  const auto add = [&](double number, const std::string& what) {
    if (number != 0) text += (text.empty() ? "" : ", ") + what;
  };
  add(static_cast<double>(patch.nodes), fmt::format("{} node{}", patch.nodes, std::abs(patch.nodes) == 1 ? "" : "s"));
  add(patch.flops, amount(patch.flops, "FLOP"));
  add(patch.bytes, amount(patch.bytes, "B"));
  return text.empty() ? "nothing by itself" : text;
}

void explain_patches(const BuildReport& built) {
  PatchReport all;
  fmt::print("{} (and what each saves a run)\n", paint("passes", Colour::bold));
  for (const PatchReport& patch : built.patches) {
    fmt::print("  {:24} {} {}\n", patch.pass, printable(patch.what),
               paint(fmt::format("({})", savings_text(patch)), Colour::dim));
    all.nodes += patch.nodes, all.flops += patch.flops, all.bytes += patch.bytes;
  }
  if (!built.patches.empty()) fmt::print("  {:24} {}\n", "all together", savings_text(all));
}

/// "x [1,3,160,160]: 1.23 ms, in the ways of the first size 1.40 ms; 12 groups in other ways, 0.3 MiB more weights"
std::string size_text(const SizeReport& size) {
  std::string text = fmt::format("{}: {:.2f} ms", printable(size.shapes), size.seconds * 1e3);
  if (!size.own_ways) return text + ", in the ways of the first size";
  if (size.seconds_by_first > 0) {
    text += fmt::format(" instead of {:.2f} ms in the ways of the first size", size.seconds_by_first * 1e3);
  }
  return text + fmt::format("; {} group{} in other ways, {:.1f} MiB more weights", size.groups.size(),
                            size.groups.size() == 1 ? "" : "s", size.bytes / (1 << 20));
}

void explain_sizes(const BuildReport& built) {
  if (built.sizes.empty()) return;
  fmt::print("{} (the first, which all above is for, is {})\n", paint("sizes", Colour::bold), printable(built.shapes));
  for (const SizeReport& size : built.sizes) {
    fmt::print("  {}\n", size_text(size));
    for (const GroupReport& group : size.groups) {
      fmt::print("    {} {}\n    {}\n", printable(group.nodes), paint(group.ops, Colour::dim), way_text(group.pick));
    }
  }
}

void explain(const BuildReport& built) {
  explain_patches(built);
  fmt::print("{} (measured, ~ as modelled, tactic, formats, weights)\n", paint("groups", Colour::bold));
  for (const GroupReport& group : built.groups) {
    fmt::print("  {} {}\n  {}\n", printable(group.nodes), paint(group.ops, Colour::dim), way_text(group.pick));
    constexpr size_t most_others = 5;
    for (size_t i = 0; i < group.others.size() && i < most_others; ++i) {
      fmt::print("  {}\n", paint(way_text(group.others[i]), Colour::dim));
    }
    for (const auto& [tactic, why] : group.declines) {
      fmt::print("    {}\n", paint(fmt::format("declined: {}: {}", tactic, why), Colour::dim));
    }
  }
  explain_sizes(built);
}

Json way_json(const WayReport& way) {
  Json json{{"what", way.what}, {"formats", way.formats}, {"modelled_us", way.modelled * 1e6}, {"bytes", way.bytes}};
  if (way.measured) json["measured_us"] = way.seconds * 1e6;
  return json;
}

Json group_json(const GroupReport& group) {
  Json others = Json::array(), declines = Json::array();
  for (const WayReport& way : group.others) others.push_back(way_json(way));
  for (const auto& [tactic, why] : group.declines) declines.push_back({{"tactic", tactic}, {"why", why}});
  return {{"nodes", group.nodes},        {"ops", group.ops},
          {"problem", group.problem},    {"pick", way_json(group.pick)},
          {"others", std::move(others)}, {"declines", std::move(declines)}};
}

Json size_json(const SizeReport& size) {
  Json groups = Json::array();
  for (const GroupReport& group : size.groups) groups.push_back(group_json(group));
  return {{"shapes", size.shapes},     {"seconds", size.seconds}, {"seconds_by_first", size.seconds_by_first},
          {"own_ways", size.own_ways}, {"bytes", size.bytes},     {"groups", std::move(groups)}};
}

Json report_json(const BuildReport& built, double seconds) {
  Json patches = Json::array(), groups = Json::array(), sizes = Json::array();
  for (const PatchReport& patch : built.patches) {
    Json saved = {{"nodes", patch.nodes}};
    if (patch.is_counted) saved.update({{"flops", patch.flops}, {"bytes", patch.bytes}});
    patches.push_back({{"pass", patch.pass}, {"what", patch.what}, {"saved", std::move(saved)}});
  }
  for (const GroupReport& group : built.groups) groups.push_back(group_json(group));
  for (const SizeReport& size : built.sizes) sizes.push_back(size_json(size));
  Json json{{"seconds", seconds},
            {"patches", std::move(patches)},
            {"shapes", built.shapes},
            {"groups", std::move(groups)},
            {"sizes", std::move(sizes)}};
  if (built.verified) json["difference"] = built.difference;
  return json;
}

void print_summary(const BuildReport& built, double seconds) {
  double run = 0, bytes = 0;
  size_t measured = 0, reference = 0;
  for (const GroupReport& group : built.groups) {
    run += group.pick.seconds, bytes += group.pick.bytes;
    measured += group.pick.measured ? 1 : 0;
    reference += group.pick.what == "reference code" ? 1 : 0;
  }
  fmt::print("{} nodes became {} in {} steps, {} of them measured{}\n", built.nodes_before, built.nodes_after,
             built.groups.size(), measured, reference > 0 ? fmt::format(", {} by reference code", reference) : "");
  fmt::print("expected to run in {:.2f} ms, with {:.1f} MiB of weights\n", run * 1e3, bytes / (1 << 20));
  for (const SizeReport& size : built.sizes) fmt::print("for {}\n", size_text(size));
  if (built.verified) {
    fmt::print("verified: the largest difference from the reference is {:.1e} of the largest magnitude\n",
               built.difference);
  } else if (!built.why_not_verified.empty()) {
    fmt::print("{} {}\n", paint("not verified:", Colour::yellow), printable(built.why_not_verified));
  }
  fmt::print("built in {:.1f} s\n", seconds);
}

std::map<std::string, Shape> shapes_of(const Model& model, const std::vector<std::string>& options) {
  std::map<std::string, Shape> shapes;
  for (const std::string& option : options) {
    const size_t equals = option.rfind('=');
    if (equals == std::string::npos) fail_usage("--shapes {}: expected NAME=DIMS", option);
    const std::string name = option.substr(0, equals);
    const auto input = std::find_if(model.inputs().begin(), model.inputs().end(),
                                    [&](const PortInfo& port) { return port.name == name; });
    if (input == model.inputs().end()) fail_usage("--shapes {}: the model has no input of this name", option);
    const Shape shape = parse_shape(std::string_view(option).substr(equals + 1), "--shapes " + name);
    if (input->has_shape && input->shape.size() != shape.size()) {
      fail_usage("--shapes {}: found {} dims, expected {}", option, shape.size(), input->shape.size());
    }
    shapes[name] = shape;
  }
  return shapes;
}

/// Builds, saves to options.output, and reports.
int build(BuildArguments& options) {
  require_file(options.model);
  const Timer timer;
  if (!options.budget.empty()) options.build.time_budget_seconds = seconds_of(options.budget);
  if (!options.timing_cache.empty()) timing_cache_knob.set(options.timing_cache);
  options.build.verify = !options.no_verify;
  Model model = Model::load(options.model);
  if (!options.preprocess.empty()) model = with_preprocessing(model, options.preprocess);
  options.build.shapes = shapes_of(model, options.shapes);
  BuildReport report;
  options.build.report = &report;
  std::optional<Engine> engine;
  {
    ProgressBar bar("building");
    options.build.progress = [&](const BuildProgress& progress) {
      const auto total = static_cast<double>(std::max<size_t>(progress.total, 1));
      bar.update(static_cast<double>(progress.done) / total, progress.seconds_left);
    };
    options.build.stop_tuning = &stop_asked;
    const StopOnInterrupt guard;
    engine = Engine::build(std::move(model), options.build);
  }
  if (!options.onnx_output.empty()) engine->save_onnx(options.onnx_output);
  engine->save(options.output, {.strip = options.strip});
  const double took = timer.seconds();
  if (options.json) {
    Json json = report_json(report, took);
    json["engine"] = options.output;
    print_json(json);
    return exit_good;
  }
  if (options.explain) explain(report);
  print_summary(report, took);
  fmt::print("wrote {}\n", options.output);
  return exit_good;
}

int build_model(BuildArguments& options) {
  if (options.output.empty()) {
    options.output = std::filesystem::path(options.model).replace_extension(".kiln").string();
    if (options.output == options.model) fail_usage("the model is an engine: say where to write, or use kiln rebuild");
  }
  return build(options);
}

/// With what the engine was built with, but for what the command line says.
int rebuild(BuildArguments& options, const std::vector<std::pair<std::string, std::string>>& said) {
  require_file(options.model);
  if (!Engine::is_engine_file(options.model)) fail_usage("{} is no engine", options.model);
  for (const auto& [name, value] : Engine::read_info(options.model).options) {
    set_build_option(options.build, name, value);
  }
  for (const auto& [name, value] : said) set_build_option(options.build, name, value);
  if (options.output.empty()) options.output = options.model;
  return build(options);
}

using Said = std::vector<std::pair<std::string, std::string>>;

/// An option that is a build option too; `said` gets it.
void add_choice(CLI::App& command, const std::string& name, const std::shared_ptr<Said>& said,
                const std::string& choices, const std::string& help) {
  command
      .add_option_function<std::string>(
          "--" + name,
          [name, said](const std::string& value) {
            BuildOptions trial;
            try {
              set_build_option(trial, name, value);
            } catch (const Error& error) {
              fail_usage("--{} {}: {}", name, value, error.what());
            }
            said->emplace_back(name, value);
          },
          help)
      ->type_name(choices);
}

/// What build and rebuild share.
void add_options(CLI::App& command, const std::shared_ptr<BuildArguments>& options, const std::shared_ptr<Said>& said) {
  add_choice(command, "tune", said, "off|fast|full",
             "how much is timed: nothing, what looks promising (the default), everything");
  command.add_option("--time-budget", options->budget, "how long to measure at most (default 60s)")->type_name("TIME");
  add_choice(command, "prefer", said, "balanced|speed|memory",
             "what wins where speed takes memory: by default a percent of it must buy 0.15 % of the time");
  add_choice(command, "math", said, "fast|strict", "strict forbids formulas with larger rounding errors (Winograd)");
  command
      .add_option("--isa", options->build.isas,
                  "instruction sets to choose from when it runs (avx2,avx512), with weights for each; by default "
                  "that of this machine")
      ->delimiter(',')
      ->type_name("ISA");
  add_choice(command, "providers", said, "kiln,onednn",
             "whose ways are looked at; by default Kiln's, and oneDNN's where it is installed and something is timed; "
             "without kiln, its own do what the others cannot");
  command.add_option("--timing-cache", options->timing_cache, "the file that keeps what was measured, or none")
      ->type_name("FILE");
  command.add_option("--shapes", options->shapes, "the shape to choose for, of an input with open dims")
      ->type_name("NAME=DIMS")
      ->allow_extra_args(false);
  command
      .add_option_function<std::vector<std::string>>(
          "--profile",
          [said](const std::vector<std::string>& texts) {
            BuildOptions trial;
            for (const std::string& text : texts) {
              try {
                set_build_option(trial, "profile", text);
              } catch (const Error& error) {
                fail_usage("--profile {}: {}", text, error.what());
              }
              said->emplace_back("profile", text);
            }
          },
          "least, typical and largest shape of an input with open dims, or one shape, or ranges of its dims as "
          "[1,3,960:1200,..]; ways are chosen for each size. Once more for other inputs, and for more profiles")
      ->type_name("NAME=LEAST:TYPICAL:LARGEST")
      ->allow_extra_args(false);
  command.add_flag("--explain", options->explain,
                   "print every rewrite with what it saves, every choice with its time, and why tactics declined");
  command.add_flag("--json", options->json, "print the same as JSON, with every way that was looked at");
  command.add_option("--save-onnx", options->onnx_output, "write the rewritten graph as ONNX")->type_name("FILE");
  command.add_flag("--strip", options->strip, "leave out names that only people read");
  command.add_flag("--no-verify", options->no_verify, "do not hold the engine against the reference code");
}

}  // namespace

void add_build(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("build", "Makes an engine for this machine of a model.");
  command->footer(
      R"(The graph is rewritten; the ways to do each node are timed on this machine, with weights that are not
in cache and inputs that the layer before has just left; and those are taken that are fastest together.
What was measured is kept (--timing-cache), so that the next build takes seconds. Ctrl-C ends the
measuring and keeps the best so far.
A model that leaves dims open is made for a usual size of its inputs, or for that of --shapes. With --profile ways are
chosen for several (and with --tune full for some about the usual one). Every other shape runs too, in the ways for the
nearest size.

With --preprocess the engine takes the pixels of a picture of any size, u8 [height, width, 3], red first, and fits them
into the model's input itself; kiln detect and its like use such engines as they use others. HOW has, with commas
between: letterbox (as large as it goes, in the middle, the default), corner (at the top left) or stretch; rgb or bgr,
the order that the model takes; /255, what levels are divided by; then mean=R:G:B and deviation=R:G:B, or imagenet for
all three; fill=114, the level around the picture; 640x640, width and height where the model leaves them open.

Examples:
  kiln build model.onnx --explain
  kiln build model.onnx -o fast.kiln --tune full --time-budget 10m --prefer speed
  kiln build model.onnx --shapes images=1x3x640x640 --save-onnx rewritten.onnx
  kiln build yolo11n.onnx --preprocess letterbox,rgb,/255
  kiln build model.onnx --profile x=1x3x32x32:1x3x640x640:1x3x4096x4096)");
  auto options = std::make_shared<BuildArguments>();
  auto said = std::make_shared<Said>();
  command->add_option("model", options->model, "an ONNX file")->required()->type_name("MODEL");
  command->add_option("-o,--output", options->output, "the engine to write (default: beside the model, named .kiln)")
      ->type_name("FILE");
  command
      ->add_option("--preprocess", options->preprocess,
                   "put what is done to a picture into the engine, which then takes its pixels")
      ->type_name("HOW");
  add_options(*command, options, said);
  command->callback([options, said, &exit_code] {
    for (const auto& [name, value] : *said) set_build_option(options->build, name, value);
    exit_code = build_model(*options);
  });
}

void add_rebuild(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("rebuild", "Makes an engine anew, for this machine, from itself.");
  command->footer(
      R"(The engine's own graph is built again with the options that it was built with, but for those given here.

Examples:
  kiln rebuild model.kiln
  kiln rebuild model.kiln -o here.kiln --prefer memory)");
  auto options = std::make_shared<BuildArguments>();
  auto said = std::make_shared<Said>();
  command->add_option("engine", options->model, "an engine file")->required()->type_name("ENGINE");
  command->add_option("-o,--output", options->output, "the engine to write (default: the same file)")
      ->type_name("FILE");
  add_options(*command, options, said);
  command->callback([options, said, &exit_code] { exit_code = rebuild(*options, *said); });
}

}  // namespace kiln::cli
