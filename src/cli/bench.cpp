#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/atomic_write.hpp"
#include "base/thread_pool.hpp"
#include "cli/bench_profile_report.hpp"
#include "cli/commands.hpp"
#include "cli/feeds.hpp"
#include "cli/random_shapes.hpp"
#include "cli/shape_options.hpp"
#include "cli/soak.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

struct BenchArguments {
  std::string model;
  FeedOptions feeds;
  std::vector<std::string> shape_sets;
  std::vector<int> threads, streams;
  std::vector<int64_t> batches;
  BenchLimits limits;
  int64_t count = 1000;
  std::string json, csv, html;
};

/// The folder that `NAME=FOLDER` or `FOLDER` speaks of, and what stands before it; a name may hold equals signs.
std::optional<std::pair<std::string, fs::path>> folder_input(const std::string& text) {
  std::error_code ignored;
  if (fs::is_directory(text, ignored)) return std::pair(std::string(), fs::path(text));
  for (size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
    const fs::path folder = text.substr(at + 1);
    if (fs::is_directory(folder, ignored)) return std::pair(text.substr(0, at + 1), folder);
  }
  return std::nullopt;
}

std::vector<std::string> files_of(const fs::path& folder, bool npz_only) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (entry.is_regular_file() && !name.starts_with(".") && (!npz_only || name.ends_with(".npz"))) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    fail_usage("--input {}: the folder holds no {}", folder.string(), npz_only ? ".npz file" : "file");
  }
  return files;
}

/// What runs are fed in turn: one set, or as many as the folders among the inputs hold files.
std::vector<FeedOptions> feed_sets(const FeedOptions& options) {
  std::vector<FeedOptions> sets{options};
  std::string first_folder;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    const auto found = folder_input(options.inputs[i]);
    if (!found) continue;
    const auto& [before, folder] = *found;
    const std::vector<std::string> files = files_of(folder, before.empty());
    if (first_folder.empty()) {
      first_folder = folder;
      sets.resize(files.size(), options);
    } else if (files.size() != sets.size()) {
      fail_usage("--input {}: found {} files, expected {} as in {}", folder.string(), files.size(), sets.size(),
                 first_folder);
    }
    for (size_t set = 0; set < sets.size(); ++set) sets[set].inputs[i] = before + files[set];
  }
  return sets;
}

/// "a=1x3;b=2x4" as two texts.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// What --shape would be told to make the first dim of every input this number.
std::vector<std::string> batch_shapes(const std::vector<PortInfo>& ports, int64_t batch) {
  std::vector<std::string> shapes;
  for (const PortInfo& port : ports) {
    if (!port.has_shape || port.shape.empty()) continue;
    const PortDim& dim = port.shape.front();
    if (dim.value >= 0 ? dim.value != batch : dim.symbol.empty()) {
      fail_usage("--batch {}: the first dim of the input '{}' is {}, expected a named one such as batch", batch,
                 port.name, dim.value >= 0 ? std::to_string(dim.value) : "unknown");
    }
    if (dim.value < 0) shapes.push_back(fmt::format("{}={}", dim.symbol, batch));
  }
  return shapes;
}

std::vector<BenchCase> all_cases(const BenchArguments& options, const std::vector<PortInfo>& ports) {
  std::vector<std::vector<std::string>> shape_sets;
  for (const std::string& text : options.shape_sets) shape_sets.push_back(split(text, ';'));
  if (shape_sets.empty()) shape_sets.emplace_back();
  const std::vector<int> threads_swept = options.threads.empty() ? std::vector<int>{threads()} : options.threads;
  const std::vector<int> streams_swept = options.streams.empty() ? std::vector<int>{1} : options.streams;
  const std::vector<int64_t> batches = options.batches.empty() ? std::vector<int64_t>{0} : options.batches;
  std::vector<BenchCase> cases;
  for (const std::vector<std::string>& shapes : shape_sets) {
    for (const int64_t batch : batches) {
      FeedOptions feeds = options.feeds;
      feeds.shapes.insert(feeds.shapes.end(), shapes.begin(), shapes.end());
      if (batch > 0) {
        const std::vector<std::string> more = batch_shapes(ports, batch);
        feeds.shapes.insert(feeds.shapes.end(), more.begin(), more.end());
      }
      for (const int threads : threads_swept) {
        for (const int streams : streams_swept) cases.push_back({feed_sets(feeds), threads, streams, batch});
      }
    }
  }
  return cases;
}

bool is_soak(const BenchArguments& options) {
  return std::any_of(options.shape_sets.begin(), options.shape_sets.end(),
                     [](const std::string& text) { return is_random_shapes(text); });
}

/// Random shapes go with none of the options that make several cases.
int soak(const BenchArguments& options) {
  const auto refuse = [](bool given, std::string_view option) {
    if (given) fail_usage("--shapes random: {} cannot be given with it", option);
  };
  refuse(options.shape_sets.size() > 1, "a second --shapes");
  refuse(!options.streams.empty(), "--streams");
  refuse(!options.batches.empty(), "--batch");
  refuse(options.threads.size() > 1, "more than one number of --threads");
  refuse(options.limits.profile, "--profile");
  refuse(options.limits.runs > 0, "--runs (--count says how many)");
  SoakOptions how{.model = options.model, .shapes = options.shape_sets.front(), .feeds = options.feeds};
  how.count = options.count;
  how.threads = options.threads.empty() ? threads() : options.threads.front();
  how.session = {.seed = options.feeds.seed, .max_memory = options.limits.max_memory};
  const SoakResult result = run_soak(how);
  if (!options.csv.empty()) write_file_atomically(options.csv, std::string_view(soak_csv(result)));
  if (!options.html.empty()) write_file_atomically(options.html, std::string_view(soak_html(result)));
  if (options.json == "-") {
    print_json(soak_json(result));
    return exit_good;
  }
  if (!options.json.empty()) {
    const std::string text = soak_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    write_file_atomically(options.json, std::string_view(text));
  }
  print_soak(result);
  return exit_good;
}

int run(const BenchArguments& options) {
  require_file(options.model);
  if (is_soak(options)) return soak(options);
  BenchReport report{options.model, {}};
  const std::vector<PortInfo> ports =
      options.batches.empty() ? std::vector<PortInfo>() : Model::load(options.model).inputs();
  for (const BenchCase& one : all_cases(options, ports)) {
    report.results.push_back(run_bench_case(options.model, one, options.limits));
  }
  if (!options.csv.empty()) write_file_atomically(options.csv, std::string_view(bench_csv(report)));
  if (!options.csv.empty() && options.limits.profile) {
    const std::string path = fs::path(options.csv).replace_extension(".layers.csv").string();
    write_file_atomically(path, std::string_view(profiles_csv(report)));
  }
  if (!options.html.empty()) write_file_atomically(options.html, std::string_view(bench_html(report)));
  if (options.json == "-") {
    print_json(bench_json(report));
    return exit_good;
  }
  if (!options.json.empty()) {
    const std::string text = bench_json(report).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    write_file_atomically(options.json, std::string_view(text));
  }
  print_bench(report);
  return exit_good;
}

void add_options(CLI::App& command, BenchArguments& options) {
  command.add_option("model", options.model, "an ONNX file, or an engine that `kiln build` made")
      ->required()
      ->type_name("MODEL");
  command
      .add_option("--input,-i", options.feeds.inputs,
                  "what to feed an input, as `kiln run` takes it; a folder feeds its files in turn")
      ->type_name("NAME=SOURCE")
      ->allow_extra_args(false);
  add_shape_option(command, options.feeds.shapes);
  command
      .add_option("--shapes", options.shape_sets,
                  "shapes of one case, with ';' between inputs (x=1x3x320x320); each time it is given is one more "
                  "case. random:96..608/32,96..608/32 draws the last open dims anew for each of --count runs")
      ->type_name("NAME=DIMS[;...]")
      ->allow_extra_args(false);
  command.add_option("--count", options.count, "how many random shapes to run (default 1000)")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->type_name("N");
  add_memory_option(command, options.limits.max_memory);
  command.add_option("--seconds,-s", options.limits.seconds, "how long to run each case (default 3)")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S");
  command.add_option("--runs,-n", options.limits.runs, "run so often in each stream instead")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->type_name("N");
  command
      .add_option("--warmup", options.limits.warmup, "runs before; without it a tenth of --seconds, and one at least")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->type_name("N");
  command.add_option("--threads", options.threads, "threads to use, one case for each number: 1,2,4")
      ->delimiter(',')
      ->check(CLI::Range(1, max_threads))
      ->type_name("N,...")
      ->allow_extra_args(false);
  command
      .add_option("--streams", options.streams, "how many callers run side by side, one case for each number: 1,2,4")
      ->delimiter(',')
      ->check(CLI::Range(1, max_threads))
      ->type_name("N,...")
      ->allow_extra_args(false);
  command.add_option("--batch", options.batches, "the first dim of every input, one case for each number: 1,4,16")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->type_name("N,...")
      ->allow_extra_args(false);
  command.add_option("--seed", options.feeds.seed, "of random inputs and random operators (default 1)")->type_name("N");
  command.add_flag("--profile,-p", options.limits.profile,
                   "also time each layer: who does it, how fast, and how near the machine's limits");
  command.add_option("--json", options.json, "write JSON, with the time of every run; - prints it")->type_name("FILE");
  command
      .add_option("--csv", options.csv,
                  "write a line for each case; with --profile, also one for each layer into a second file that ends in "
                  ".layers.csv")
      ->type_name("FILE");
  command.add_option("--html", options.html, "write a page with tables and plots")->type_name("FILE");
}

}  // namespace

void add_bench(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("bench", "Measures how fast a model runs and what memory it needs.");
  command->footer(R"(Times are in ms: of a run from the call to its results, of loading, and of loading with the first
run. items/s is runs a second, times what --batch sets. CPU ms/run is what all threads worked for a
run, and CPUs how many of them were busy. Peak and steady MB are what the process holds while it
runs and after it; before MB, what it held before it loaded the model. arena MB is the memory for
values between layers; no placing of them takes less than at least MB.

--profile runs the model once more for half as long, one caller alone, and takes each layer's middle
time. GFLOP/s counts what the operators ask for and GB/s their inputs, weights and outputs. Limits
are measured: multiply-adds in registers and reading from main memory, both on all threads; of limit %
is what that would take over what the layer took. Winograd's formulas need fewer operations and
caches are faster than memory, so a layer can be above 100.

--shapes random:... runs once for each of --count shapes. Its ranges FIRST..LAST/STEP are those of the
last open dims of the only input that has any (NAME=random:... names another), or of all open dims of
a model whose inputs share them. ns/element counts the product of the drawn dims: pixels, or tokens.
It tells the memory of the process over the runs, and what making plans for new shapes takes.

Examples:
  kiln bench model.onnx
  kiln bench model.onnx --threads 1,2 --streams 1,2 --batch 1,8
  kiln bench model.kiln --profile --html report.html
  kiln bench model.onnx --input x=pictures --seconds 10 --html report.html
  kiln bench model.onnx --shapes x=1x3x224x224 --shapes x=1x3x320x320 --json -
  kiln bench model.onnx --shapes random:96..608/32,96..608/32 --count 10000 --html soak.html)");
  auto options = std::make_shared<BenchArguments>();
  options->feeds.seed = 1;
  add_options(*command, *options);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
