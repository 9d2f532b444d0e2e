#include "passes/saving.hpp"

#include <algorithm>

namespace kiln {
namespace {

void add(Saving& saving, const std::optional<NodeCost>& cost, double sign) {
  saving.nodes += sign > 0 ? 1 : -1;
  if (!cost) {
    saving.is_counted = false;
    return;
  }
  saving.flops += sign * cost->flops;
  saving.bytes += sign * (cost->bytes_read + cost->bytes_written);
}

}  // namespace

SavingCounter::SavingCounter(const ModelDef& model, const std::map<std::string, Shape>& shapes)
    : model_(model), shapes_(shapes) {
  infer();
  total_ = total();
}

void SavingCounter::infer() {
  std::map<ValueId, Fact> inputs;
  for (ValueId id : model_.graph.inputs) {
    if (id == no_value) continue;
    const ValueInfo& value = model_.graph.values[static_cast<size_t>(id)];
    const auto shape = shapes_.find(value.name);
    if (shape == shapes_.end() || !value.type.is_tensor()) continue;
    inputs[id].type = Type::tensor(value.type.dtype, SymShape(shape->second.begin(), shape->second.end()));
  }
  facts_.clear();
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  ShapeInference inference(model_, diagnostics, ShapeInference::StatedTypes::ignore);
  inference.set_observer([&](const Graph& graph, const Facts& found) { facts_[&graph] = found; });
  inference.run(inputs);
}

std::optional<NodeCost> SavingCounter::cost_of(const Graph& graph, const Node& node, const Patch* patch) const {
  const auto known = facts_.find(&graph);
  if (known == facts_.end()) return std::nullopt;
  const auto fact_of = [&](ValueId id) -> const Fact* {
    if (id == no_value) return nullptr;
    // An output of the graph keeps its name: what was to replace it bears it now.
    const auto index = [&](ValueId of) { return static_cast<size_t>(of); };
    if (patch != nullptr && (index(id) >= known->second.size() || !known->second[index(id)].type.is_known())) {
      for (const Patch::Replacement& change : patch->replace) {
        if (change.to == id) id = change.from;
      }
    }
    static const Fact unknown;
    return index(id) < known->second.size() ? &known->second[index(id)] : &unknown;
  };
  std::vector<const Fact*> inputs, outputs;
  for (ValueId id : node.inputs) inputs.push_back(fact_of(id));
  for (ValueId id : node.outputs) outputs.push_back(fact_of(id));
  return node_cost(node, inputs, outputs);
}

void SavingCounter::begin(const Graph& graph, std::span<const Patch> patches) {
  begun_.clear();
  for (const Patch& patch : patches) {
    Saving& saving = begun_.emplace_back();
    saving.is_counted = true;
    for (size_t index : patch.remove) add(saving, cost_of(graph, graph.nodes[index], nullptr), 1);
  }
}

std::vector<Saving> SavingCounter::end(const Graph& graph, std::span<const Patch> patches) {
  infer();
  for (size_t i = 0; i < patches.size(); ++i) {
    for (const Node& node : patches[i].add) add(begun_[i], cost_of(graph, node, &patches[i]), -1);
    if (!begun_[i].is_counted) begun_[i].flops = begun_[i].bytes = 0;
  }
  total_ = total();
  return std::move(begun_);
}

Saving SavingCounter::total() const {
  Saving sum{.is_counted = true};
  for (const auto& [graph, facts] : facts_) {
    for (const Node& node : graph->nodes) add(sum, cost_of(*graph, node, nullptr), 1);
  }
  return sum;
}

Saving SavingCounter::of_whole() {
  infer();
  const Saving before = total_;
  total_ = total();
  Saving saving{before.nodes - total_.nodes, before.is_counted && total_.is_counted};
  if (saving.is_counted) saving.flops = before.flops - total_.flops, saving.bytes = before.bytes - total_.bytes;
  return saving;
}

}  // namespace kiln
