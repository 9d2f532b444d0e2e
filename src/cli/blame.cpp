#include "cli/blame.hpp"

#include <fmt/core.h>

#include "builder/bisect.hpp"
#include "builder/inner_results.hpp"
#include "graph/copy_model.hpp"

namespace kiln::cli {
namespace {

Blame blame_of(std::string kind, std::string text) { return {std::move(text), Json{{"kind", std::move(kind)}}}; }

Blame of_step(const BlamedStep& step) {
  Blame blame = blame_of("step", fmt::format("{}, done as {} by {}", step.node, step.ops, step.tactic));
  blame.json.update({{"index", step.index}, {"node", step.node}, {"ops", step.ops}, {"tactic", step.tactic}});
  return blame;
}

Blame of_patch(const BlamedPatch& patch) {
  Blame blame = blame_of("patch", fmt::format("the rewrite number {} of the graph, by the pass {}: {}", patch.number,
                                              patch.patch.pass, patch.patch.what));
  blame.json.update({{"number", patch.number}, {"pass", patch.patch.pass}, {"what", patch.patch.what}});
  return blame;
}

}  // namespace

Blame find_blame(const Subject& subject, const std::string& model, const std::vector<FedInput>& fed,
                 const std::map<std::string, Value>& expected, const Tolerance& tolerance, uint64_t seed) {
  std::vector<Feed> feeds;
  for (const FedInput& input : fed) feeds.push_back({input.name, input.value});
  const auto is_right = [&](const std::shared_ptr<const EngineDef>& engine) {
    const std::vector<Value> found = run_all(engine, feeds, seed);
    for (size_t i = 0; i < found.size(); ++i) {
      const auto wanted = expected.find(engine->outputs()[i].name);
      if (wanted != expected.end() && !difference(wanted->second, found[i], tolerance).within()) return false;
    }
    return true;
  };
  const std::shared_ptr<const EngineDef> engine = in_ways(subject.engine(), ways_for(*subject.engine(), feeds));
  if (is_right(by_reference(*engine))) {
    if (const auto step = blame_step(*engine, is_right)) return of_step(*step);
    return blame_of("unknown", "no single step: with every layer done by its tactic the answers were right this time");
  }
  if (model.empty()) {
    return blame_of("engine",
                    "the engine's graph, also by its reference code; compare with the ONNX file that it was "
                    "made of to find the rewrite");
  }
  const ModelDef original = read_model(model);
  if (!is_right(EngineDef::create(copy_model(original)))) {
    return blame_of("model",
                    fmt::format("{} itself: the answers of its reference code differ before any rewrite", model));
  }
  if (const auto patch = blame_patch(original, is_right)) return of_patch(*patch);
  return blame_of("engine", fmt::format("the engine's graph: {} is rewritten rightly by this Kiln, so the engine was "
                                        "made of another model or by another Kiln",
                                        model));
}

}  // namespace kiln::cli
