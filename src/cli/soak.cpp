#include "cli/soak.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/timer.hpp"
#include "cli/bench_run.hpp"
#include "cli/random_shapes.hpp"
#include "cli/shape_options.hpp"

namespace kiln::cli {
namespace {

/// Values of the largest shapes, of which every run gets the first elements: what the inputs take does not change.
std::vector<FedInput> largest_feeds(const std::vector<PortInfo>& ports, const RandomShapes& random,
                                    const FeedOptions& options) {
  FeedOptions largest{.inputs = options.inputs, .shapes = {}, .seed = options.seed};
  for (const auto& [name, shape] : random.shapes(random.largest())) {
    largest.shapes.push_back(fmt::format("{}={}", name, shape_text(shape)));
  }
  return make_feeds(ports, largest);
}

Session::Feeds feeds_of(const std::vector<FedInput>& largest, const std::map<std::string, Shape>& shapes) {
  Session::Feeds feeds;
  for (const FedInput& input : largest) {
    const auto shape = shapes.find(input.name);
    if (shape == shapes.end() || !input.value.is_tensor() || input.value.tensor().dtype() == DType::string) {
      feeds.emplace_back(input.name, input.value);
      continue;
    }
    const Tensor& all = input.value.tensor();
    const size_t bytes = static_cast<size_t>(element_count(shape->second)) * dtype_size(all.dtype());
    feeds.emplace_back(input.name, Tensor::borrow(all.dtype(), shape->second, all.raw(), bytes));
  }
  return feeds;
}

}  // namespace

double SoakResult::elements(size_t first, size_t end) const {
  double sum = 0;
  for (size_t i = first; i < end; ++i) {
    double product = 1;
    for (const int64_t dim : runs[i].dims) product *= static_cast<double>(dim);
    sum += product;
  }
  return sum;
}

double SoakResult::nanoseconds_per_element(size_t first, size_t end) const {
  double ms = 0;
  for (size_t i = first; i < end; ++i) ms += runs[i].ms;
  return 1e6 * ms / std::max(1.0, elements(first, end));
}

size_t SoakResult::plans_made() const {
  return static_cast<size_t>(std::count_if(runs.begin(), runs.end(), [](const Run& run) { return run.plan_ms > 0; }));
}

double SoakResult::plan_ms() const {
  double ms = 0;
  for (const Run& run : runs) ms += run.plan_ms;
  return ms / static_cast<double>(std::max<size_t>(1, plans_made()));
}

SoakResult run_soak(const SoakOptions& options) {
  SoakResult result;
  result.model = options.model;
  result.threads = options.threads;
  set_threads(options.threads);
  const std::vector<PortInfo> ports = Engine::is_engine_file(options.model) ? Engine::load(options.model).inputs()
                                                                            : Model::load(options.model).inputs();
  RandomShapes random(ports, options.shapes, options.feeds.shapes, options.feeds.seed);
  const std::vector<FedInput> largest = largest_feeds(ports, random, options.feeds);
  const auto known = random.shapes(random.largest());
  for (const FedInput& input : largest) {
    const std::string type = known.contains(input.name) ? random.describe(input.name) : input.value.describe();
    result.inputs.push_back(fmt::format("{}: {} ({})", input.name, type, input.source));
  }
  result.runs.resize(static_cast<size_t>(options.count));
  for (SoakResult::Run& run : result.runs) run.dims = random.draw();
  reset_peak_memory();
  result.before = process_memory().resident;
  const Timer loading;
  Session session = Session::load(options.model, options.session);
  result.load_ms = loading.milliseconds();
  double plan_seconds = 0;
  for (SoakResult::Run& run : result.runs) {
    const Session::Feeds feeds = feeds_of(largest, random.shapes(run.dims));
    const Timer timer;
    session.run(feeds);
    run.ms = timer.milliseconds();
    const double seconds = session.memory().plan_seconds;
    run.plan_ms = 1e3 * (seconds - plan_seconds);
    plan_seconds = seconds;
    run.resident = process_memory().resident;
  }
  result.peak = process_memory().peak;
  result.memory = session.memory();
  return result;
}

}  // namespace kiln::cli
