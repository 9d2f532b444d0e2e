#include "builder/inner_results.hpp"

#include <algorithm>

#include "graph/copy_model.hpp"
#include "runtime/plan.hpp"

namespace kiln {

std::vector<std::string> made_values(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.outputs) {
      if (const std::string& name = graph.name_of(id); !name.empty()) names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> inner_results(const EngineDef& engine) {
  const Graph& graph = engine.model().graph;
  if (engine.machine() == nullptr) return made_values(graph);
  std::vector<std::string> names;
  for (const MachineStep& step : engine.machine()->steps) {
    for (ValueId id : step.group.outputs) {
      if (const std::string& name = graph.name_of(id); !name.empty()) names.push_back(name);
    }
  }
  return names;
}

ModelDef with_results(const ModelDef& model, const std::vector<std::string>& names) {
  ModelDef copy = copy_model(model);
  Graph& graph = copy.graph;
  for (const std::string& name : names) {
    const ValueId id = graph.find_value(name);
    if (std::find(graph.outputs.begin(), graph.outputs.end(), id) == graph.outputs.end()) graph.outputs.push_back(id);
  }
  return copy;
}

std::shared_ptr<const EngineDef> with_results(const EngineDef& engine, const std::vector<std::string>& names) {
  ModelDef model = with_results(engine.model(), names);
  if (engine.machine() == nullptr) return EngineDef::create(std::move(model));
  return EngineDef::create(std::move(model), [&](const EngineDef&) { return *engine.machine(); });
}

std::shared_ptr<const EngineDef> in_ways(const std::shared_ptr<const EngineDef>& engine, size_t ways) {
  if (engine->machine() == nullptr || engine->machine()->others.empty()) return engine;
  return EngineDef::create(copy_model(engine->model()),
                           [&](const EngineDef&) { return machine_of_ways(*engine->machine(), ways); });
}

size_t ways_for(const EngineDef& engine, const std::vector<Feed>& feeds) {
  const Machine* const machine = engine.machine();
  if (machine == nullptr || machine->buckets.empty()) return 0;
  std::vector<Type> types;
  for (const Port& port : engine.inputs()) {
    const auto feed = std::find_if(feeds.begin(), feeds.end(), [&](const Feed& one) { return one.name == port.name; });
    types.push_back(feed == feeds.end() ? Type() : type_of(feed->value));
  }
  return machine->buckets[nearest_bucket(machine->buckets, types)].ways;
}

std::shared_ptr<const EngineDef> by_reference(const EngineDef& engine) {
  return EngineDef::create(copy_model(engine.model()));
}

std::vector<Value> run_all(const std::shared_ptr<const EngineDef>& engine, const std::vector<Feed>& feeds,
                           uint64_t seed) {
  Context context(engine, {.seed = seed});
  std::vector<size_t> outputs;
  for (size_t i = 0; i < engine->outputs().size(); ++i) outputs.push_back(i);
  return context.run(feeds, outputs);
}

}  // namespace kiln
