#include "runtime/bodies.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "graph/captures.hpp"

namespace kiln {
namespace {

bool has_plain_inputs(const Graph& graph) {
  std::set<ValueId> inputs;
  for (ValueId id : graph.inputs) {
    if (id == no_value || !inputs.insert(id).second || graph.find_initializer(id) != nullptr) return false;
  }
  return true;
}

bool can_close(const Program& program) { return !program.owned_graph && program.model->functions.empty(); }

ClosedBody body_with(const Program& program, Graph graph) {
  ClosedBody closed;
  closed.model.ir_version = program.model->ir_version;
  closed.model.opset_imports = *program.opsets;
  closed.model.graph = std::move(graph);
  return closed;
}

/// Takes a value from around a body: a constant becomes its own, what a run makes an input. False where it is neither.
bool take(const Program& program, ValueId from, ValueId to, ClosedBody& closed) {
  const auto index = static_cast<size_t>(from);
  const ValueSource& source = program.sources[index];
  closed.taken.emplace_back(from, to);
  if (source.kind == ValueSource::Kind::constant && program.constants[index].is_tensor()) {
    closed.model.graph.initializers.push_back({.value = to, .tensor = program.constants[index].tensor()});
    return true;
  }
  if (source.kind != ValueSource::Kind::frame) return false;
  closed.model.graph.inputs.push_back(to);
  closed.captured.push_back(from);
  return true;
}

/// A node of a program in the graph of a body, where values have the same names.
Node moved(const Graph& from, size_t index, Graph& to) {
  Node node = from.nodes[index];
  // Errors name it by its place in the graph that the caller knows.
  if (node.name.empty()) node.name = fmt::format("#{}", index);
  for (auto* ids : {&node.inputs, &node.outputs}) {
    for (ValueId& id : *ids) id = to.value_named(from.name_of(id));
  }
  return node;
}

}  // namespace

std::optional<ClosedBody> close_body(const Program& program, size_t node, size_t which) {
  const Node& owner = program.graph->nodes[node];
  const std::vector<const Graph*> graphs = subgraphs_of(owner);
  if (which >= graphs.size() || !can_close(program)) return {};
  const Graph& graph = *graphs[which];
  if (!has_plain_inputs(graph) || owner.op_type == "Gradient") return {};
  ClosedBody closed = body_with(program, graph);
  for (const std::string_view name : names_read(graph)) {
    const ValueId from = program.graph->find_value(name);
    const ValueId to = closed.model.graph.value_named(std::string(name));
    if (from == no_value || !take(program, from, to, closed)) return {};
  }
  return closed;
}

std::optional<ClosedBody> close_group(const Program& program, const Group& group) {
  if (!can_close(program)) return {};
  const Graph& graph = *program.graph;
  ClosedBody closed = body_with(program, {});
  Graph& body = closed.model.graph;
  std::set<ValueId> known;
  const auto take_once = [&](ValueId id) {
    return !known.insert(id).second || take(program, id, body.value_named(graph.name_of(id)), closed);
  };
  for (ValueId id : group.inputs) {
    if (!take_once(id)) return {};
  }
  for (size_t index : group.nodes) {
    for (ValueId id : graph.nodes[index].outputs) {
      if (id == no_value || !known.insert(id).second) continue;
      closed.taken.emplace_back(id, body.value_named(graph.name_of(id)));
    }
  }
  for (size_t index : group.nodes) {
    // Nothing is left but constants.
    for (ValueId id : values_read(graph, graph.nodes[index])) {
      if (!take_once(id)) return {};
    }
    body.nodes.push_back(moved(graph, index, body));
  }
  for (ValueId id : group.outputs) body.outputs.push_back(body.value_named(graph.name_of(id)));
  return closed;
}

GroupEdges::GroupEdges(const Program& program) : program_(program), reads_(program.graph->values.size(), 0) {
  for (const Step& step : program.steps) {
    for (ValueId id : values_read(*program.graph, *step.node)) ++reads_[static_cast<size_t>(id)];
  }
  for (ValueId id : program.graph->outputs) {
    if (id != no_value) ++reads_[static_cast<size_t>(id)];
  }
}

Group GroupEdges::group_of(std::vector<size_t> nodes) const {
  Group group;
  group.nodes = std::move(nodes);
  const Graph& graph = *program_.graph;
  std::map<ValueId, size_t> reads_outside;  // of the values that are made here
  for (size_t index : group.nodes) {
    for (ValueId id : graph.nodes[index].outputs) {
      if (id != no_value) reads_outside.emplace(id, reads_[static_cast<size_t>(id)]);
    }
  }
  std::set<ValueId> known;
  for (size_t index : group.nodes) {
    for (ValueId id : values_read(graph, graph.nodes[index])) {
      if (const auto made = reads_outside.find(id); made != reads_outside.end()) {
        --made->second;
      } else if (program_.sources[static_cast<size_t>(id)].kind == ValueSource::Kind::frame &&
                 known.insert(id).second) {
        group.inputs.push_back(id);
      }
    }
  }
  for (size_t index : group.nodes) {
    for (ValueId id : graph.nodes[index].outputs) {
      if (id != no_value && reads_outside.at(id) > 0) group.outputs.push_back(id);
    }
  }
  return group;
}

}  // namespace kiln
