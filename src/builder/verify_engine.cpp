#include "builder/verify_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "builder/candidate.hpp"
#include "builder/inner_results.hpp"
#include "builder/judge_steps.hpp"
#include "builder/typical_shapes.hpp"

namespace kiln {
namespace {

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

double worst_difference(const std::vector<Value>& expected, const std::vector<Value>& found) {
  double worst = 0;
  for (size_t i = 0; i < expected.size() && i < found.size(); ++i) {
    if (expected[i].is_tensor() && found[i].is_tensor()) {
      // How many boxes are found, say, may change where two candidates are nearly equal.
      if (expected[i].tensor().shape() != found[i].tensor().shape()) continue;
      worst = std::max(worst, off_by(expected[i].tensor(), found[i].tensor()));
    }
  }
  return worst;
}

/// The results of all groups that are no outputs, as far as a node of the graph makes a value of that name.
std::vector<std::string> results_in(const Graph& graph, const EngineDef& engine) {
  const std::vector<std::string> made = made_values(graph);
  std::set<std::string> known(made.begin(), made.end());
  for (const Port& output : engine.outputs()) known.erase(output.name);
  std::vector<std::string> names = inner_results(engine);
  std::erase_if(names, [&](const std::string& name) { return !known.contains(name); });
  return names;
}

/// Inputs, and what the reference code makes of them.
struct Trial {
  std::vector<Feed> feeds;
  std::vector<std::string> names;  ///< of inner values, behind the model's outputs
  std::vector<Value> expected;
  Facts typical;        ///< of the engine's graph
  std::string why_not;  ///< where there is nothing to hold an engine against
};

Trial make_trial(const ModelDef& original, const EngineDef& engine, const std::map<std::string, Shape>& shapes) {
  Trial trial;
  trial.typical = build_facts(engine, shapes).typical;
  Philox random(1);
  for (const Port& port : engine.inputs()) {
    if (port.optional) continue;
    const TensorSpec spec = spec_of(engine.program(), trial.typical, port.value);
    const std::optional<Tensor> tensor =
        spec.is_given() ? random_tensor(spec.dtype, spec.shape, random) : std::optional<Tensor>();
    if (!tensor) {
      trial.why_not = fmt::format("no numbers can be made up for input '{}' ({})", port.name, port.type.str());
      return trial;
    }
    trial.feeds.push_back({port.name, *tensor});
  }
  trial.names = results_in(original.graph, engine);
  try {
    trial.expected = run_all(EngineDef::create(with_results(original, trial.names)), trial.feeds);
  } catch (const Error& error) {
    trial.why_not = fmt::format("the model does not run on made-up inputs: {}", error.what());
  }
  return trial;
}

/// The largest difference of values that do not follow from choices which rounding may turn over.
double sure_difference(const EngineDef& engine, const Trial& trial, const std::vector<Value>& found) {
  const std::set<std::string> behind = behind_choices(engine, trial.typical);
  const size_t outputs = engine.outputs().size();
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string& name = i < outputs ? engine.outputs()[i].name : trial.names[i - outputs];
    if (!behind.contains(name)) worst = std::max(worst, worst_difference({trial.expected[i]}, {found[i]}));
  }
  return worst;
}

/// The largest difference; fails where it is more than rounding. The engine has ways for one size alone.
double verify_ways(const std::shared_ptr<const EngineDef>& engine, const Trial& trial) {
  const std::vector<Value> found = run_all(with_results(*engine, trial.names), trial.feeds);
  const auto last = [&](const std::vector<Value>& values) {
    return std::vector<Value>(values.begin(), values.begin() + static_cast<ptrdiff_t>(engine->outputs().size()));
  };
  double sure = worst_difference(trial.expected, found);
  if (sure > tolerated_difference) {
    // Inner values show faults that a network hides, but only the outputs' meaning is sure.
    const double off = worst_difference(last(trial.expected), last(found));
    const std::string wrong = find_wrong_step(*engine, trial.feeds);
    if (wrong.empty()) sure = off <= tolerated_difference ? off : sure_difference(*engine, trial, found);
    if (!wrong.empty() || sure > tolerated_difference) {
      fail(ErrorCode::internal, "the engine's answers are off by {:.1e} of their largest magnitude: {}", off,
           wrong.empty() ? "each node is right by itself, so the rewriting of the graph is to blame" : wrong);
    }
  }
  // With all inner values as results steps share no memory and make no bands: it is run as users run it too.
  const double whole = worst_difference(last(found), run_all(engine, trial.feeds));
  if (whole > tolerated_difference) {
    fail(ErrorCode::internal,
         "each node of the engine is right by itself, but its answers are off by {:.1e} of their largest magnitude "
         "where steps run together; KILN_BANDS=off may help until this is mended",
         whole);
  }
  return std::max(sure, whole);
}

double elements_of(const Bucket& bucket) {
  double elements = 0;
  for (const Shape& shape : bucket.inputs) elements += tensor_bytes({DType::u8, shape});
  return elements;
}

std::map<std::string, Shape> shapes_of(const EngineDef& engine, const Bucket& bucket) {
  std::map<std::string, Shape> shapes;
  for (size_t i = 0; i < bucket.inputs.size(); ++i) shapes[engine.inputs()[i].name] = bucket.inputs[i];
  return shapes;
}

}  // namespace

VerifyResult verify_engine(const ModelDef& original, const std::shared_ptr<const EngineDef>& engine,
                           const std::map<std::string, Shape>& shapes) {
  VerifyResult result;
  const Trial first = make_trial(original, *engine, shapes);
  result.why_not = first.why_not;
  if (!result.why_not.empty()) return result;
  result.done = true;
  result.difference = verify_ways(in_ways(engine, 0), first);
  const Machine* const machine = engine->machine();
  for (const Bucket& bucket : machine != nullptr ? machine->buckets : std::vector<Bucket>()) {
    if (bucket.ways == 0) continue;
    // The reference code takes its time: ways for what is larger are tried on what is there already.
    Trial own;
    if (elements_of(bucket) < elements_of(machine->buckets.front())) {
      own = make_trial(original, *engine, shapes_of(*engine, bucket));
    }
    const Trial& trial = own.expected.empty() || !own.why_not.empty() ? first : own;
    result.difference = std::max(result.difference, verify_ways(in_ways(engine, bucket.ways), trial));
  }
  return result;
}

}  // namespace kiln
