#include "api/network.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "graph/captures.hpp"
#include "graph/copy_model.hpp"

namespace kiln {

std::string Var::Network::unused_name(std::string_view wish) {
  std::string name(wish);
  if (!by_name.contains(name)) return name;
  int& used = uses[name];
  while (by_name.contains(name)) name = fmt::format("{}_{}", wish, ++used);
  return name;
}

std::string Var::Network::node_name(std::string_view wish) const {
  const auto used = node_uses.find(wish);
  return used == node_uses.end() ? std::string(wish) : fmt::format("{}_{}", wish, used->second);
}

int32_t Var::Network::add(std::string_view name, Fact fact) {
  const auto id = static_cast<int32_t>(values.size());
  graph().add_value(std::string(name));
  values.push_back({std::string(name), std::move(fact), scopes.back().id});
  by_name[std::string(name)] = id;
  return id;
}

int32_t Var::Network::add_input(std::string_view name, const Type& type) {
  const int32_t id = add(name, {.type = type});
  const ValueId value = value_of(id);
  graph().values[static_cast<size_t>(value)].type = type;
  graph().values[static_cast<size_t>(value)].has_info = true;
  graph().inputs.push_back(value);
  return id;
}

int32_t Var::Network::add_output(int32_t value, std::string_view name) {
  const ValueId from = value_of(value);
  const int32_t id = add(unused_name(name), Fact(at(value).fact));
  const ValueId to = value_of(id);
  graph().values[static_cast<size_t>(to)].type = at(id).fact.type;
  graph().nodes.push_back({.name = at(id).name, .op_type = "Identity", .inputs = {from}, .outputs = {to}});
  graph().outputs.push_back(to);
  return id;
}

void Var::Network::check_readable(int32_t id) const {
  const Known& value = at(id);
  if (std::ranges::any_of(scopes, [&](const Scope& scope) { return scope.id == value.scope; })) return;
  fail(ErrorCode::invalid_argument, "'{}' is a value inside of another node, which cannot be read from here",
       value.name);
}

void Var::Network::check_readable(const Subgraph& subgraph) const {
  if (!subgraph.graph || subgraph.network.get() != this) {
    fail(ErrorCode::invalid_argument, "a graph for a node is what subgraph() of the same builder gives");
  }
  for (const std::string_view name : names_read(*subgraph.graph)) {
    if (const auto found = by_name.find(name); found != by_name.end()) check_readable(found->second);
  }
}

Facts Var::Network::infer(const Node& node, const std::vector<int32_t>& inputs) const {
  ModelDef alone;
  alone.opset_imports = model.opset_imports;
  alone.graph.name = scopes.front().graph.name;
  std::map<ValueId, Fact> known;
  const auto give = [&](int32_t id) {
    const Known& value = at(id);
    const ValueId found = alone.graph.find_value(value.name);
    if (found != no_value) return found;
    const ValueId made = alone.graph.add_value(value.name, value.fact.type);
    alone.graph.inputs.push_back(made);
    known[made] = value.fact;
    return made;
  };
  Node copy = node;
  for (size_t i = 0; i < inputs.size(); ++i) copy.inputs[i] = inputs[i] < 0 ? no_value : give(inputs[i]);
  for_each_subgraph(node, [&](const Graph& subgraph) {
    for (const std::string_view name : names_read(subgraph)) {
      if (const auto found = by_name.find(name); found != by_name.end()) give(found->second);
    }
  });
  for (ValueId& output : copy.outputs) output = alone.graph.add_value(fmt::format("{} output {}", node.name, output));
  const std::vector<ValueId> outputs = copy.outputs;
  alone.graph.nodes.push_back(std::move(copy));
  Diagnostics thrown(Diagnostics::Mode::throw_first);
  const Facts all = ShapeInference(alone, thrown).run(known);
  Facts found;
  for (ValueId output : outputs) found.push_back(all[static_cast<size_t>(output)]);
  return found;
}

ModelDef Var::Network::finish() const {
  if (is_inside()) fail(ErrorCode::invalid_argument, "the network is not whole inside of a node");
  if (scopes.front().graph.outputs.empty()) fail(ErrorCode::invalid_argument, "the network has no output yet");
  ModelDef whole = model;
  whole.graph = scopes.front().graph;
  return copy_model(std::move(whole));
}

void Var::Network::open(std::string_view name) {
  scopes.push_back({.id = scopes_made++, .graph = {}});
  graph().name = name;
}

Graph Var::Network::close() {
  Graph done = std::move(graph());
  scopes.pop_back();
  return done;
}

}  // namespace kiln
