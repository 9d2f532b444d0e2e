#include "runtime/bodies.hpp"

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

}  // namespace

std::optional<ClosedBody> close_body(const Program& program, size_t node, size_t which) {
  const Node& owner = program.graph->nodes[node];
  const std::vector<const Graph*> graphs = subgraphs_of(owner);
  if (which >= graphs.size() || program.owned_graph || !program.model->functions.empty()) return {};
  const Graph& graph = *graphs[which];
  if (!has_plain_inputs(graph) || owner.op_type == "Gradient") return {};
  ClosedBody closed;
  closed.model.ir_version = program.model->ir_version;
  closed.model.opset_imports = *program.opsets;
  Graph& body = closed.model.graph = graph;
  for (const std::string_view name : names_read(graph)) {
    const ValueId from = program.graph->find_value(name);
    if (from == no_value) return {};
    const auto index = static_cast<size_t>(from);
    const ValueSource& source = program.sources[index];
    const ValueId to = body.value_named(std::string(name));
    closed.taken.emplace_back(from, to);
    if (source.kind == ValueSource::Kind::constant && program.constants[index].is_tensor()) {
      body.initializers.push_back({.value = to, .tensor = program.constants[index].tensor()});
      continue;
    }
    if (source.kind != ValueSource::Kind::frame) return {};
    body.inputs.push_back(to);
    closed.captured.push_back(from);
  }
  return closed;
}

}  // namespace kiln
