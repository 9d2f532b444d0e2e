#include "runtime/engine.hpp"

#include "base/error.hpp"
#include "graph/captures.hpp"

namespace kiln {
namespace {

/// By value: whether a run needs it in packed form only, as far as is decided; or not at all, where nothing is run.
std::vector<bool> packed_constants(const EngineDef& engine) {
  const Graph& graph = *engine.program().graph;
  const Machine& machine = *engine.machine();
  std::vector<bool> packed(graph.values.size(), machine.steps.empty()), read(graph.values.size(), false);
  for (ValueId id : graph.outputs) {
    if (id != no_value) read[static_cast<size_t>(id)] = true;
  }
  for (size_t ways = 0; ways <= machine.others.size(); ++ways) {
    for (const MachineStep& step : machine.ways(ways)) {
      // A sequel has constants of its own.
      const bool is_apart = step.group.is_sequel && !step.by_reference;
      for (size_t node : step.group.nodes) {
        if (!is_apart && subgraphs_of(graph.nodes[node]).empty()) continue;
        for (ValueId id : values_read(graph, graph.nodes[node]))
          (is_apart ? packed : read)[static_cast<size_t>(id)] = true;
      }
      const auto& inputs = step.group.inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] == no_value) continue;
        const bool packs = !step.by_reference && step.tactic != nullptr && i < 32 && (step.tactic->packs >> i & 1) != 0;
        (packs ? packed : read)[static_cast<size_t>(inputs[i])] = true;
      }
    }
  }
  for (size_t i = 0; i < packed.size(); ++i) packed[i] = packed[i] && !read[i];
  return packed;
}

}  // namespace

std::string names_of(const std::vector<Port>& ports) {
  std::string names;
  for (const Port& port : ports) names += (names.empty() ? "'" : ", '") + port.name + "'";
  return names;
}

std::shared_ptr<const EngineDef> EngineDef::create(ModelDef model, const MakeMachine& make_machine,
                                                   std::shared_ptr<Warming> warming) {
  auto engine = std::shared_ptr<EngineDef>(new EngineDef());
  // The first versions of the format had no opset imports: they mean opset 1.
  if (model.opset_imports.empty() && model.ir_version < 3) model.opset_imports.emplace("", 1);
  engine->model_ = std::make_unique<const ModelDef>(std::move(model));
  if (warming) warming->offer([engine] { engine->known(); });
  engine->warming_ = std::move(warming);
  engine->program_ = compile(*engine->model_);
  const Graph& graph = engine->model_->graph;
  const auto port = [&](ValueId id) {
    if (id == no_value) fail(ErrorCode::invalid_model, "the graph has an input or output without a name");
    const ValueInfo& info = graph.values[static_cast<size_t>(id)];
    return Port{.name = info.name, .type = info.type, .value = id};
  };
  for (ValueId id : graph.inputs) {
    Port input = port(id);
    const bool has_default = !engine->program_->constants[static_cast<size_t>(id)].is_none();
    input.optional = has_default || input.type.kind == Type::Kind::optional;
    engine->inputs_.push_back(std::move(input));
  }
  for (ValueId id : graph.outputs) engine->outputs_.push_back(port(id));
  if (make_machine) {
    engine->machine_ = make_machine(*engine);
    engine->find_bodies();
  }
  align_constants(*engine->program_, make_machine ? packed_constants(*engine) : std::vector<bool>());
  return engine;
}

const KnownFacts& EngineDef::known() const {
  std::call_once(known_once_, [&] { known_ = known_facts(*model_); });
  return known_;
}

void EngineDef::find_bodies() {
  std::vector<bool> by_reference(program_->graph->nodes.size(), false);
  for (const MachineStep& step : machine_->steps) {
    for (size_t node : step.group.nodes) by_reference[node] = step.by_reference;
  }
  for (const Body& body : machine_->bodies) {
    if (by_reference[body.node]) continue;
    if (body.which) {
      bodies_[subgraphs_of(program_->graph->nodes[body.node])[*body.which]] = &body;
    } else {
      sequels_[body.node] = &body;
    }
  }
}

const Body* EngineDef::body_of(const Graph& subgraph) const {
  const auto found = bodies_.find(&subgraph);
  return found == bodies_.end() ? nullptr : found->second;
}

const Body* EngineDef::sequel_of(const Group& group) const {
  const auto found = group.is_sequel ? sequels_.find(group.nodes.front()) : sequels_.end();
  return found == sequels_.end() ? nullptr : found->second;
}

}  // namespace kiln
