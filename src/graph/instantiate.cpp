#include "graph/instantiate.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"

namespace kiln {
namespace {

const Attribute* find_default(const Function& function, std::string_view name) {
  for (const Attribute& attribute : function.attribute_defaults) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

/// Replaces the references in every node, also inside subgraphs, which are copied on the way.
void resolve_references(Graph& graph, const Function& function, const Node& call) {
  for (Node& node : graph.nodes) {
    std::vector<Attribute> resolved;
    for (Attribute& attribute : node.attributes) {
      if (!attribute.ref_name.empty()) {
        const Attribute* given = call.find_attribute(attribute.ref_name);
        if (!given) given = find_default(function, attribute.ref_name);
        if (!given) continue;
        resolved.push_back(*given);
        resolved.back().name = attribute.name;
        continue;
      }
      const auto copy = [&](std::shared_ptr<Graph>& subgraph) {
        if (!subgraph) return;
        subgraph = std::make_shared<Graph>(*subgraph);
        resolve_references(*subgraph, function, call);
      };
      if (auto* subgraph = std::get_if<std::shared_ptr<Graph>>(&attribute.data)) copy(*subgraph);
      if (auto* list = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
        for (auto& subgraph : *list) copy(subgraph);
      }
      resolved.push_back(std::move(attribute));
    }
    node.attributes = std::move(resolved);
  }
}

/// Takes the arguments that the call leaves out away from every node that reads them.
void drop_absent(Graph& graph, const std::set<std::string>& absent) {
  const auto dropped = [&](ValueId id) { return id != no_value && absent.contains(graph.name_of(id)); };
  for (Node& node : graph.nodes) {
    std::replace_if(node.inputs.begin(), node.inputs.end(), dropped, no_value);
    for (Attribute& attribute : node.attributes) {
      const auto visit = [&](std::shared_ptr<Graph>& subgraph) {
        if (!subgraph) return;
        subgraph = std::make_shared<Graph>(*subgraph);
        drop_absent(*subgraph, absent);
      };
      if (auto* subgraph = std::get_if<std::shared_ptr<Graph>>(&attribute.data)) visit(*subgraph);
      if (auto* list = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
        for (auto& subgraph : *list) visit(subgraph);
      }
    }
  }
}

}  // namespace

std::shared_ptr<const Graph> instantiate(const Function& function, const Node& call) {
  for (const std::string& name : function.attributes) {
    if (!call.find_attribute(name)) {
      fail(ErrorCode::invalid_model, "a call of function '{}' lacks its attribute '{}'", function.name, name);
    }
  }
  auto body = std::make_shared<Graph>(function.body);
  resolve_references(*body, function, call);
  std::set<std::string> absent;
  for (size_t i = 0; i < body->inputs.size(); ++i) {
    if (i >= call.inputs.size() || call.inputs[i] == no_value) absent.insert(body->name_of(body->inputs[i]));
  }
  absent.erase("");
  if (!absent.empty()) drop_absent(*body, absent);
  return body;
}

}  // namespace kiln
