#include "builder/verify_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "builder/typical_shapes.hpp"
#include "graph/copy_model.hpp"
#include "runtime/context.hpp"

namespace kiln {
namespace {

/// Of the largest magnitude in a tensor: what Winograd's rounding adds up to in a deep network stays far below.
constexpr double tolerance = 2e-3;
/// Numbers that are no f32 (a class, a place in a list) may turn over where two candidates are nearly equal.
constexpr double share_that_may_differ = 0.05;

std::optional<Tensor> random_tensor(DType dtype, const Shape& shape, Philox& random) {
  Tensor tensor(dtype, shape);
  const auto fill = [&]<class T>(T*, auto&& next) {
    for (T& element : tensor.mutable_elements<T>()) element = static_cast<T>(next());
  };
  const auto truth = [&] { return random.below(2); };
  switch (dtype) {
    case DType::f32: fill(static_cast<float*>(nullptr), [&] { return random.uniform(); }); return tensor;
    case DType::f64: fill(static_cast<double*>(nullptr), [&] { return random.uniform(); }); return tensor;
    case DType::i64: fill(static_cast<int64_t*>(nullptr), truth); return tensor;
    case DType::i32: fill(static_cast<int32_t*>(nullptr), truth); return tensor;
    case DType::i8: fill(static_cast<int8_t*>(nullptr), truth); return tensor;
    case DType::u8: fill(static_cast<uint8_t*>(nullptr), truth); return tensor;
    case DType::boolean: fill(static_cast<bool*>(nullptr), truth); return tensor;
    default: return {};
  }
}

/// The difference over the largest magnitude; infinite where the tensors are not of one kind.
double difference(const Tensor& expected, const Tensor& found) {
  constexpr double never = std::numeric_limits<double>::infinity();
  if (expected.dtype() != found.dtype() || expected.shape() != found.shape()) return never;
  if (expected.dtype() != DType::f32) {
    if (equal_bits(expected, found)) return 0;
    const size_t size = dtype_size(expected.dtype());
    if (size == 0 || expected.dtype() == DType::string) return never;
    const auto *a = static_cast<const std::byte*>(expected.raw()), *b = static_cast<const std::byte*>(found.raw());
    int64_t others = 0;
    for (int64_t i = 0; i < expected.size(); ++i) {
      const size_t at = static_cast<size_t>(i) * size;
      others += std::equal(a + at, a + at + size, b + at) ? 0 : 1;
    }
    const double share = static_cast<double>(others) / static_cast<double>(expected.size());
    return share > share_that_may_differ ? never : 0;
  }
  double most = 0, off = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double a = expected.data<float>()[i], b = found.data<float>()[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    if (a == b) continue;
    if (!std::isfinite(a) || !std::isfinite(b)) return never;
    most = std::max(most, std::abs(a)), off = std::max(off, std::abs(a - b));
  }
  for (int64_t i = 0; off > 0 && i < expected.size(); ++i) {
    if (std::isfinite(expected.data<float>()[i])) most = std::max<double>(most, std::abs(expected.data<float>()[i]));
  }
  return off == 0 ? 0 : off / std::max(most, 1e-6);
}

std::vector<Value> run(const std::shared_ptr<const EngineDef>& engine, const std::vector<Feed>& feeds) {
  Context context(engine, {.seed = 1});
  std::vector<size_t> outputs;
  for (size_t i = 0; i < engine->outputs().size(); ++i) outputs.push_back(i);
  return context.run(feeds, outputs);
}

double worst_difference(const std::vector<Value>& expected, const std::vector<Value>& found) {
  double worst = 0;
  for (size_t i = 0; i < expected.size() && i < found.size(); ++i) {
    if (expected[i].is_tensor() && found[i].is_tensor()) {
      // How many boxes are found, say, may change where two candidates are nearly equal.
      if (expected[i].tensor().shape() != found[i].tensor().shape()) continue;
      worst = std::max(worst, difference(expected[i].tensor(), found[i].tensor()));
    }
  }
  return worst;
}

/// The model with these values as outputs beside its own.
ModelDef with_results(const ModelDef& model, const std::vector<std::string>& names) {
  ModelDef copy = copy_model(model);
  Graph& graph = copy.graph;
  for (const std::string& name : names) {
    const ValueId id = graph.find_value(name);
    if (std::find(graph.outputs.begin(), graph.outputs.end(), id) == graph.outputs.end()) graph.outputs.push_back(id);
  }
  return copy;
}

/// The results of all groups, as far as a node of the graph makes a value of that name.
std::vector<std::string> results_in(const Graph& graph, const EngineDef& engine) {
  std::vector<bool> made(graph.values.size(), false);
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.outputs) {
      if (id != no_value) made[static_cast<size_t>(id)] = true;
    }
  }
  std::vector<std::string> names;
  for (const MachineStep& step : engine.machine()->steps) {
    for (ValueId id : step.group.outputs) {
      const std::string& name = engine.model().graph.name_of(id);
      const ValueId here = name.empty() ? no_value : graph.find_value(name);
      if (here != no_value && made[static_cast<size_t>(here)]) names.push_back(name);
    }
  }
  return names;
}

/// The same steps for the engine's model with more outputs.
std::shared_ptr<const EngineDef> engine_with_results(const EngineDef& engine, const std::vector<std::string>& names) {
  return EngineDef::create(with_results(engine.model(), names), [&](const EngineDef&) { return *engine.machine(); });
}

/// Names the first step whose result is off; "" where none is by itself.
std::string find_culprit(const EngineDef& engine, const std::vector<Feed>& feeds) {
  const std::vector<std::string> names = results_in(engine.model().graph, engine);
  const auto reference = EngineDef::create(with_results(engine.model(), names));
  const auto fast = engine_with_results(engine, names);
  const std::vector<Value> expected = run(reference, feeds), found = run(fast, feeds);
  const auto& outputs = reference->model().graph.outputs;
  for (const MachineStep& step : engine.machine()->steps) {
    for (ValueId id : step.group.outputs) {
      const auto at = std::find(outputs.begin(), outputs.end(), id);
      if (id == no_value || at == outputs.end()) continue;
      const auto i = static_cast<size_t>(at - outputs.begin());
      const double off = worst_difference({expected[i]}, {found[i]});
      if (off <= tolerance) continue;
      const size_t index = step.group.nodes.front();
      return fmt::format("{} is the first that is off, by {:.1e} of its largest magnitude; {} does it",
                         engine.model().graph.nodes[index].describe(index), off,
                         step.tactic != nullptr ? step.tactic->name : "reference code");
    }
  }
  return "";
}

}  // namespace

VerifyResult verify_engine(const ModelDef& original, const std::shared_ptr<const EngineDef>& engine,
                           const std::map<std::string, Shape>& shapes) {
  VerifyResult result;
  const BuildFacts facts = build_facts(*engine, shapes);
  Philox random(1);
  std::vector<Feed> feeds;
  for (const Port& port : engine->inputs()) {
    if (port.optional) continue;
    const TensorSpec spec = spec_of(engine->program(), facts.typical, port.value);
    const std::optional<Tensor> tensor =
        spec.is_given() ? random_tensor(spec.dtype, spec.shape, random) : std::optional<Tensor>();
    if (!tensor) {
      result.why_not = fmt::format("no numbers can be made up for input '{}' ({})", port.name, port.type.str());
      return result;
    }
    feeds.push_back({port.name, *tensor});
  }
  const std::vector<std::string> names = results_in(original.graph, *engine);
  std::vector<Value> expected;
  try {
    expected = run(EngineDef::create(with_results(original, names)), feeds);
  } catch (const Error& error) {
    result.why_not = fmt::format("the model does not run on made-up inputs: {}", error.what());
    return result;
  }
  const std::vector<Value> found = run(engine_with_results(*engine, names), feeds);
  result.done = true;
  result.difference = worst_difference(expected, found);
  if (result.difference <= tolerance) return result;
  // Inner values show faults that a network hides, but only the outputs' meaning is sure.
  const size_t outputs = engine->outputs().size();
  const double off = worst_difference({expected.begin(), expected.begin() + static_cast<ptrdiff_t>(outputs)}, found);
  const std::string culprit = find_culprit(*engine, feeds);
  if (off <= tolerance && culprit.empty()) return result;
  fail(ErrorCode::internal, "the engine's answers are off by {:.1e} of their largest magnitude: {}", off,
       culprit.empty() ? "each node is right by itself, so the rewriting of the graph is to blame" : culprit);
}

}  // namespace kiln
