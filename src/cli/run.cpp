#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "base/timer.hpp"
#include "cli/commands.hpp"
#include "cli/feeds.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/shape_options.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {
namespace {

struct RunArguments {
  std::string model;
  FeedOptions feeds;
  std::string output_folder;
  int repeat = 1;
  int64_t max_memory = 0;
  bool print = false, json = false, verbose = false;
};

struct Timings {
  double load = 0;           ///< reading the model and making it ready, in ms
  std::vector<double> runs;  ///< in ms

  double mean() const { return std::accumulate(runs.begin(), runs.end(), 0.0) / static_cast<double>(runs.size()); }
  double least() const { return *std::min_element(runs.begin(), runs.end()); }
  double median() const {
    std::vector<double> sorted = runs;
    std::sort(sorted.begin(), sorted.end());
    return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
  }
};

std::vector<Value> run_all(Session& session, const std::vector<FedInput>& inputs, int repeat, Timings& timings) {
  Session::Feeds feeds;
  for (const FedInput& input : inputs) feeds.emplace_back(input.name, input.value);
  ProgressBar bar("running");
  std::vector<Value> outputs;
  for (int i = 0; i < repeat; ++i) {
    RunOptions options;
    options.progress = [&](size_t done, size_t total) {
      bar.update((i + static_cast<double>(done) / static_cast<double>(total)) / repeat);
    };
    const Timer timer;
    outputs = session.run(feeds, {}, options);
    timings.runs.push_back(timer.milliseconds());
  }
  return outputs;
}

Json report_json(const RunArguments& options, const Session& session, const std::vector<FedInput>& inputs,
                 const std::vector<Value>& outputs, const Timings& timings) {
  Json fed = Json::array(), made = Json::array();
  for (const FedInput& input : inputs) {
    fed.push_back({{"name", input.name}, {"type", input.value.describe()}, {"source", input.source}});
  }
  for (size_t i = 0; i < outputs.size(); ++i) made.push_back(output_json(session.outputs()[i].name, outputs[i]));
  return {{"model", options.model},
          {"threads", threads()},
          {"inputs", fed},
          {"outputs", made},
          {"timings",
           {{"load_ms", timings.load},
            {"runs_ms", timings.runs},
            {"min_ms", timings.least()},
            {"median_ms", timings.median()},
            {"mean_ms", timings.mean()}}}};
}

void print_report(const RunArguments& options, const Session& session, const std::vector<FedInput>& inputs,
                  const std::vector<Value>& outputs, const Timings& timings) {
  for (const FedInput& input : inputs) {
    fmt::print("{} {}: {} ({})\n", paint("input", Colour::dim), printable(input.name), input.value.describe(),
               input.source);
  }
  for (size_t i = 0; i < outputs.size(); ++i) print_value(session.outputs()[i].name, outputs[i], options.print);
  if (options.repeat == 1) {
    fmt::print("loaded in {:.1f} ms, ran in {:.1f} ms\n", timings.load, timings.runs.front());
  } else {
    fmt::print("loaded in {:.1f} ms, {} runs: min {:.2f}, median {:.2f}, mean {:.2f} ms\n", timings.load,
               options.repeat, timings.least(), timings.median(), timings.mean());
  }
}

int run(const RunArguments& options) {
  require_file(options.model);
  Timings timings;
  const Timer timer;
  SessionOptions how{.seed = options.feeds.seed, .max_memory = options.max_memory};
  if (options.verbose) {
    how.on_note = [](const std::string& note) { fmt::print(stderr, "note: {}\n", printable(note)); };
  }
  Session session = Session::load(options.model, how);
  timings.load = timer.milliseconds();
  const std::vector<FedInput> inputs = make_feeds(session.inputs(), options.feeds);
  const std::vector<Value> outputs = run_all(session, inputs, options.repeat, timings);
  if (!options.output_folder.empty()) {
    OutputFolder folder(options.output_folder);
    for (size_t i = 0; i < outputs.size(); ++i) folder.save(session.outputs()[i].name, outputs[i]);
  }
  if (options.json) {
    print_json(report_json(options, session, inputs, outputs, timings));
  } else {
    print_report(options, session, inputs, outputs, timings);
  }
  return exit_good;
}

}  // namespace

void add_run(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("run", "Runs a model.");
  command->footer(R"(Sources of an input:
  random[:SHAPE]        floats from 0 to 1, integers 0 and 1, as --seed gives them; the default
  zeros[:SHAPE], ones[:SHAPE]
  FILE.npy, FILE.npz    an array; of a .npz file the one named like the input. A .npz file without
                        NAME= gives every input that it has an array for
  FILE.pb               a TensorProto, SequenceProto, MapProto or OptionalProto
  FILE.png, .jpg, ...   a picture (also webp, bmp, tiff, jp2, pnm), put into the input's layout, NCHW or
                        NHWC: bytes as they are, floats from 0 to 1. It is scaled to the input's height
                        and width where those are numbers. An input of bytes in one dim (ImageDecoder)
                        gets the file itself

Examples:
  kiln run model.onnx --print
  kiln run model.onnx --input image=cat.jpg --print
  kiln run model.onnx --input ids=ids.npy --shape batch=2 --output results
  kiln run model.kiln --input x=random:1x3x224x224 --seed 7 --repeat 20 --json)");
  auto options = std::make_shared<RunArguments>();
  options->feeds.seed = 1;
  command->add_option("model", options->model, "an ONNX or engine file")->required()->type_name("MODEL");
  command->add_option("--input,-i", options->feeds.inputs, "what to feed an input; may be given several times")
      ->type_name("NAME=SOURCE")
      ->allow_extra_args(false);
  add_shape_option(*command, options->feeds.shapes);
  add_memory_option(*command, options->max_memory);
  command->add_option("--output,-o", options->output_folder, "write each output as NAME.npy into this folder")
      ->type_name("DIR");
  command->add_flag("--print,-p", options->print, "print the range and the first elements of each output");
  command->add_option("--repeat,-n", options->repeat, "how often to run")
      ->check(CLI::Range(1, 1000000000))
      ->type_name("N");
  command->add_option("--seed", options->feeds.seed, "of random inputs and random operators (default 1)")
      ->type_name("N");
  command->add_flag("--verbose", options->verbose,
                    "say on the error stream what may be of interest, as shapes outside of an engine's profiles");
  command->add_flag("--json", options->json, "print JSON: inputs, outputs with all their elements, timings in ms");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
