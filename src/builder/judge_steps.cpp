#include "builder/judge_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>

#include "builder/difference.hpp"
#include "builder/inner_results.hpp"
#include "graph/captures.hpp"
#include "runtime/bodies.hpp"

namespace kiln {
namespace {

/// Numbers that are no floats (a class, a place in a list) may turn over where two candidates are nearly equal.
constexpr double share_that_may_differ = 0.05;

constexpr std::string_view choosing[] = {"ArgMax",
                                         "ArgMin",
                                         "Bernoulli",
                                         "Ceil",
                                         "DynamicQuantizeLinear",
                                         "Equal",
                                         "Floor",
                                         "Greater",
                                         "GreaterOrEqual",
                                         "Hardmax",
                                         "IsInf",
                                         "IsNaN",
                                         "Less",
                                         "LessOrEqual",
                                         "Mod",
                                         "NonZero",
                                         "NonMaxSuppression",
                                         "QuantizeLinear",
                                         "Round",
                                         "Sign",
                                         "TopK",
                                         "Unique"};

bool chooses(const Node& node, const Graph& graph, const Facts& facts) {
  for (const Graph* inner : subgraphs_of(node)) {
    const auto may_choose = [](const Node& one) { return std::ranges::count(choosing, one.op_type) > 0; };
    if (std::ranges::any_of(inner->nodes, may_choose)) return true;
  }
  const bool casts = node.op_type == "Cast" && !node.outputs.empty() && node.outputs[0] != no_value &&
                     !is_float(facts[static_cast<size_t>(node.outputs[0])].type.dtype);
  if (!casts && std::ranges::count(choosing, node.op_type) == 0) return false;
  return std::ranges::any_of(values_read(graph, node),
                             [&](ValueId id) { return is_float(facts[static_cast<size_t>(id)].type.dtype); });
}

/// All that exists while an engine runs these inputs, by name.
std::map<std::string, Value> values_of(const EngineDef& engine, const std::vector<Feed>& feeds) {
  const auto open = with_results(engine, inner_results(engine));
  const std::vector<Value> results = run_all(open, feeds);
  std::map<std::string, Value> values;
  for (const Feed& feed : feeds) values[std::string(feed.name)] = feed.value;
  for (size_t i = 0; i < results.size(); ++i) values[open->outputs()[i].name] = results[i];
  return values;
}

/// Runs a group by its reference code on values of the engine, and returns how far these are from what it makes.
double off_by_itself(const Program& program, const Group& group, const std::map<std::string, Value>& values) {
  std::optional<ClosedBody> closed = close_group(program, group);
  if (!closed) return 0;
  const auto plain = EngineDef::create(std::move(closed->model));
  std::vector<Feed> feeds;
  for (const Port& input : plain->inputs()) {
    const auto value = values.find(input.name);
    if (value == values.end()) return 0;
    feeds.push_back({input.name, value->second});
  }
  const std::vector<Value> expected = run_all(plain, feeds);
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto found = values.find(plain->outputs()[i].name);
    if (found == values.end() || !expected[i].is_tensor() || !found->second.is_tensor()) continue;
    worst = std::max(worst, off_by(expected[i].tensor(), found->second.tensor()));
  }
  return worst;
}

bool is_random(const Program& program, const Group& group) {
  return std::ranges::any_of(program.steps, [&](const Step& step) {
    return step.schema != nullptr && step.schema->op->random && std::ranges::count(group.nodes, step.node_index) > 0;
  });
}

/// The same for the steps of the engine that does a sequel.
std::string find_wrong_step_in(const Body& sequel, const Graph& graph, const std::map<std::string, Value>& values) {
  std::vector<Feed> feeds;
  for (size_t i = 0; i < sequel.captured.size(); ++i) {
    const auto value = values.find(graph.name_of(sequel.captured[i]));
    if (value != values.end()) feeds.push_back({sequel.engine->inputs()[i].name, value->second});
  }
  return find_wrong_step(*sequel.engine, feeds);
}

}  // namespace

double off_by(const Tensor& expected, const Tensor& found) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const Difference off = difference(expected, found, {});
  if (!off.mismatch.empty()) return never;
  if (expected.dtype() == DType::f32) return off.of_largest();
  const double share = off.differing == 0 ? 0 : static_cast<double>(off.differing) / static_cast<double>(off.elements);
  return share > (expected.dtype() == DType::string ? 0 : share_that_may_differ) ? never : 0;
}

std::string find_wrong_step(const EngineDef& engine, const std::vector<Feed>& feeds) {
  if (engine.machine() == nullptr) return "";
  const Program& program = engine.program();
  const std::map<std::string, Value> values = values_of(engine, feeds);
  const GroupEdges edges(program);
  for (const MachineStep& step : engine.machine()->steps) {
    if (is_random(program, step.group)) continue;
    const double off = off_by_itself(program, edges.group_of(step.group.nodes), values);
    if (off <= tolerated_difference) continue;
    if (const Body* sequel = engine.sequel_of(step.group)) {
      // There are choices inside, so that only its own steps tell.
      std::string wrong = find_wrong_step_in(*sequel, *program.graph, values);
      if (!wrong.empty()) return wrong;
      continue;
    }
    const size_t index = step.group.nodes.front();
    return fmt::format("{} is the first that is off, by {:.1e} of its largest magnitude; {} does it",
                       program.graph->nodes[index].describe(index), off, done_by(step));
  }
  return "";
}

std::set<std::string> behind_choices(const EngineDef& engine, const Facts& typical) {
  const Graph& graph = *engine.program().graph;
  std::set<std::string> behind;
  for (const Step& step : engine.program().steps) {
    const std::vector<ValueId> read = values_read(graph, *step.node);
    const bool follows = std::ranges::any_of(read, [&](ValueId id) { return behind.contains(graph.name_of(id)); });
    if (!follows && !chooses(*step.node, graph, typical)) continue;
    for (ValueId id : step.node->outputs) {
      if (id != no_value) behind.insert(graph.name_of(id));
    }
  }
  return behind;
}

}  // namespace kiln
