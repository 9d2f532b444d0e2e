#include "builder/bisect.hpp"

#include "graph/copy_model.hpp"

namespace kiln {
namespace {

/// The least count in (0, all] that is wrong, where `all` is and 0 is not.
size_t first_wrong(size_t all, FunctionRef<bool(size_t)> is_right) {
  size_t right = 0, wrong = all;
  while (wrong - right > 1) {
    const size_t middle = right + (wrong - right) / 2;
    (is_right(middle) ? right : wrong) = middle;
  }
  return wrong;
}

/// The engine with the steps from `first` on done by the reference code.
std::shared_ptr<const EngineDef> plain_from(const EngineDef& engine, size_t first) {
  return EngineDef::create(copy_model(engine.model()), [&](const EngineDef&) {
    Machine machine = *engine.machine();
    for (size_t i = first; i < machine.steps.size(); ++i) {
      machine.steps[i].tactic = nullptr;
      machine.steps[i].by_reference = true;
    }
    return machine;
  });
}

BlamedStep describe(const EngineDef& engine, size_t index) {
  const MachineStep& step = engine.machine()->steps[index];
  const Graph& graph = engine.model().graph;
  BlamedStep blamed;
  blamed.index = index;
  blamed.node = graph.nodes[step.group.nodes.front()].describe(step.group.nodes.front());
  blamed.ops = ops_of(graph, step.group);
  blamed.tactic = step.tactic != nullptr || step.group.is_sequel ? done_by(step) : "moving memory";
  if (step.tactic != nullptr && step.tactic->describe != nullptr) {
    const std::string tuning = step.tactic->describe(step.tuning);
    blamed.tactic += (tuning.empty() ? "" : ", ") + tuning;
  }
  return blamed;
}

}  // namespace

std::optional<BlamedPatch> blame_patch(const ModelDef& original, IsRight is_right, const OptimizeOptions& passes) {
  OptimizeReport report;
  const auto rewritten = [&](size_t patches) {
    ModelDef model = copy_model(original);
    OptimizeOptions some = passes;
    some.max_patches = patches;
    report = optimize(model, some);
    return EngineDef::create(std::move(model));
  };
  const auto all = rewritten(passes.max_patches);
  const size_t count = report.patches.size();
  if (count == 0 || is_right(all) || !is_right(rewritten(0))) return std::nullopt;
  const size_t number = first_wrong(count, [&](size_t patches) { return is_right(rewritten(patches)); });
  rewritten(number);
  return BlamedPatch{number, report.patches.at(number - 1)};
}

std::optional<BlamedStep> blame_step(const EngineDef& engine, IsRight is_right) {
  const size_t count = engine.machine() != nullptr ? engine.machine()->steps.size() : 0;
  if (count == 0 || is_right(plain_from(engine, count)) || !is_right(plain_from(engine, 0))) return std::nullopt;
  return describe(engine, first_wrong(count, [&](size_t first) { return is_right(plain_from(engine, first)); }) - 1);
}

}  // namespace kiln
