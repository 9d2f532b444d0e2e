#include <map>
#include <string_view>

#include "graph/captures.hpp"
#include "passes/model_pass.hpp"

namespace kiln::passes {
namespace {

/// The constants that can be seen from within a graph, by name; null where something else hides one.
using ConstantScope = std::map<std::string_view, const Tensor*>;

/// What a Constant node holds, where that is a tensor.
const Tensor* constant_of(const Node& node) {
  if (node.op_type != "Constant" || !canonical_domain(node.domain).empty() || node.attributes.size() != 1)
    return nullptr;
  const Attribute& value = node.attributes.front();
  return value.name == "value" ? std::get_if<Tensor>(&value.data) : nullptr;
}

void add_own(const Graph& graph, ConstantScope& scope) {
  const std::vector<bool> own = defined_values(graph);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (own[i]) scope[graph.values[i].name] = nullptr;
  }
  for (const Initializer& initializer : graph.initializers) {
    if (initializer.value == no_value) continue;
    scope[graph.name_of(initializer.value)] = &initializer.tensor;
  }
  for (const Node& node : graph.nodes) {
    const Tensor* held = constant_of(node);
    if (held != nullptr && node.outputs.size() == 1) scope[graph.name_of(node.outputs[0])] = held;
  }
  // The caller may give others.
  for (ValueId id : graph.inputs) scope[graph.name_of(id)] = nullptr;
}

bool has_graphs(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (!subgraphs_of(node).empty()) return true;
  }
  return false;
}

class Giver {
 public:
  explicit Giver(ModelChanges& changes) : changes_(changes) {}

  void give(Graph& graph, ConstantScope scope) {
    if (!has_graphs(graph)) return;
    add_own(graph, scope);
    for (const Node& node : graph.nodes) {
      for (const Attribute& attribute : node.attributes) {
        const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data);
        if (inner == nullptr || !*inner) continue;
        give_to(**inner, scope);
        give(**inner, scope);
      }
    }
  }

 private:
  void give_to(Graph& graph, const ConstantScope& scope) {
    const std::vector<bool> own = defined_values(graph);
    std::vector<bool> read(graph.values.size(), false);
    for (const Node& node : graph.nodes) {
      for (ValueId id : node.inputs) {
        if (id != no_value) read[static_cast<size_t>(id)] = true;
      }
    }
    for (size_t i = 0; i < graph.values.size(); ++i) {
      if (own[i] || !read[i]) continue;
      const std::string& name = graph.values[i].name;
      const auto found = scope.find(name);
      if (found == scope.end() || found->second == nullptr) continue;
      graph.initializers.push_back({.value = static_cast<ValueId>(i), .tensor = *found->second});
      changes_.done.push_back("give '" + name + "' to graph '" + graph.name + "'");
    }
  }

  ModelChanges& changes_;
};

void take_back(Graph& graph, ConstantScope scope) {
  if (!has_graphs(graph)) return;
  add_own(graph, scope);
  for (Node& node : graph.nodes) {
    for (Attribute& attribute : node.attributes) {
      auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data);
      if (inner == nullptr || !*inner) continue;
      std::erase_if((*inner)->initializers, [&](const Initializer& initializer) {
        const auto around = scope.find((*inner)->name_of(initializer.value));
        const Tensor* same = around == scope.end() ? nullptr : around->second;
        return same != nullptr && same->raw() == initializer.tensor.raw() &&
               same->dtype() == initializer.tensor.dtype() && same->shape() == initializer.tensor.shape();
      });
      take_back(**inner, scope);
    }
  }
}

}  // namespace

/// Passes then see constants where they look for them. Both graphs share the elements.
void give_constants(ModelDef& model, ModelChanges& changes) { Giver(changes).give(model.graph, {}); }

void take_constants_back(Graph& graph) { take_back(graph, {}); }

}  // namespace kiln::passes
