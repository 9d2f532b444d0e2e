#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "graph/captures.hpp"
#include "graph/instantiate.hpp"
#include "ops/schema.hpp"
#include "passes/model_pass.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln::passes {
namespace {

constexpr int deepest_call = 64;

void collect_all_names(const Graph& graph, std::set<std::string, std::less<>>& names) {
  for (const ValueInfo& value : graph.values) names.insert(value.name);
  for (const Node& node : graph.nodes) {
    for (const Graph* inner : subgraphs_of(node)) collect_all_names(*inner, names);
  }
}

/// Names that nothing in the model has, so that no graph inside or around hides a value that moves.
class Names {
 public:
  explicit Names(const ModelDef& model) { collect_all_names(model.graph, taken_); }

  std::string make(const std::string& hint) {
    std::string name = hint;
    for (int i = 1; !taken_.insert(name).second; ++i) name = hint + "_" + std::to_string(i);
    return name;
  }

 private:
  std::set<std::string, std::less<>> taken_;
};

using Renames = std::map<std::string, std::string, std::less<>>;

/// A copy of a function's subgraph in which every name is new, or what `renames` says of the names around it.
std::shared_ptr<Graph> renamed_subgraph(const Graph& graph, Renames renames, const std::string& prefix, Names& names) {
  auto copy = std::make_shared<Graph>();
  const std::vector<bool> own = defined_values(graph);
  std::vector<ValueId> ids;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const ValueInfo& value = graph.values[i];
    if (own[i]) renames[value.name] = names.make(prefix + value.name);
    const auto renamed = renames.find(value.name);
    const ValueId id = copy->value_named(renamed == renames.end() ? value.name : renamed->second);
    ids.push_back(id);
    if (!own[i]) continue;
    ValueInfo& to = copy->values[static_cast<size_t>(id)];
    to.type = value.type;
    to.has_info = value.has_info;
  }
  const auto moved = [&](ValueId id) { return id == no_value ? no_value : ids[static_cast<size_t>(id)]; };
  copy->name = graph.name;
  for (ValueId id : graph.inputs) copy->inputs.push_back(moved(id));
  for (ValueId id : graph.outputs) copy->outputs.push_back(moved(id));
  for (const Initializer& initializer : graph.initializers) {
    copy->initializers.push_back({.value = moved(initializer.value), .tensor = initializer.tensor});
  }
  for (const SparseInitializer& initializer : graph.sparse_initializers) {
    copy->sparse_initializers.push_back({moved(initializer.value), initializer.tensor});
  }
  for (Node node : graph.nodes) {
    for (ValueId& id : node.inputs) id = moved(id);
    for (ValueId& id : node.outputs) id = moved(id);
    for (Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) {
        *inner = renamed_subgraph(**inner, renames, prefix, names);
      }
    }
    copy->nodes.push_back(std::move(node));
  }
  return copy;
}

/// Whether every operator in the body is the same one under the model's imports. Adds imports that the model lacks.
bool imports_agree(const ModelDef& model, const Graph& body, const OpsetImports& imports, OpsetImports& lacking) {
  for (const Node& node : body.nodes) {
    for (const Attribute& attribute : node.attributes) {
      if (attribute.type == AttributeType::graphs) return false;
    }
    for (const Graph* inner : subgraphs_of(node)) {
      if (!imports_agree(model, *inner, imports, lacking)) return false;
    }
    const std::string domain(canonical_domain(node.domain));
    const auto theirs = imports.find(domain);
    const auto ours = model.opset_imports.find(domain);
    if (theirs == imports.end()) return false;
    if (ours == model.opset_imports.end()) {
      lacking.insert(*theirs);
    } else if (ours->second != theirs->second && !model.find_function(node.domain, node.op_type, node.overload)) {
      const Schema* mine = find_schema(domain, node.op_type, ours->second);
      if (!mine || mine != find_schema(domain, node.op_type, theirs->second)) return false;
    }
  }
  return true;
}

class FunctionInliner {
 public:
  FunctionInliner(ModelDef& model, ModelChanges& changes)
      : model_(model), changes_(changes), names_(model), left_(max_expanded_nodes.get()) {}

  void run(Graph& graph, int depth) {
    std::vector<Node> nodes;
    for (Node& node : graph.nodes) {
      const Function* function = model_.find_function(node.domain, node.op_type, node.overload);
      if (function && depth < deepest_call && can_inline(*function, node)) {
        expand(graph, *function, node, nodes, depth);
        continue;
      }
      for (Attribute& attribute : node.attributes) {
        if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) run(**inner, depth);
      }
      nodes.push_back(std::move(node));
    }
    graph.nodes = std::move(nodes);
  }

 private:
  bool can_inline(const Function& function, const Node& call) {
    if (!function.body.initializers.empty() || left_ < static_cast<int64_t>(function.body.nodes.size())) return false;
    // A graph that the call passes on means names of the caller.
    if (!subgraphs_of(call).empty() || !outputs_are_made(function)) return false;
    if (function.opset_imports.empty()) return true;
    OpsetImports lacking;
    if (!imports_agree(model_, function.body, function.opset_imports, lacking)) {
      changes_.notes.push_back(
          fmt::format("calls of function '{}' stay: it is written in other opsets", function.name));
      return false;
    }
    model_.opset_imports.insert(lacking.begin(), lacking.end());
    return true;
  }

  /// Each output comes from a node of its own, so that none has to be copied.
  static bool outputs_are_made(const Function& function) {
    std::set<ValueId> made;
    for (const Node& node : function.body.nodes) made.insert(node.outputs.begin(), node.outputs.end());
    return std::all_of(function.body.outputs.begin(), function.body.outputs.end(),
                       [&](ValueId id) { return id != no_value && made.erase(id) == 1; });
  }

  void expand(Graph& graph, const Function& function, const Node& call, std::vector<Node>& nodes, int depth) {
    changes_.done.push_back(fmt::format("inline function '{}' called by node '{}'", function.name, call.name));
    left_ -= static_cast<int64_t>(function.body.nodes.size());
    const std::shared_ptr<const Graph> body = instantiate(function, call);
    const std::string prefix = (call.name.empty() ? function.name : call.name) + "/";
    Renames renames;
    const auto bind = [&](const std::vector<ValueId>& formal, const std::vector<ValueId>& actual) {
      for (size_t i = 0; i < formal.size() && i < actual.size(); ++i) {
        if (formal[i] != no_value && actual[i] != no_value)
          renames[body->name_of(formal[i])] = graph.name_of(actual[i]);
      }
    };
    bind(body->inputs, call.inputs);
    bind(body->outputs, call.outputs);
    for (const ValueInfo& value : body->values) {
      if (!renames.contains(value.name)) renames[value.name] = names_.make(prefix + value.name);
    }
    for (const Node& node : body->nodes) {
      nodes_of_call(graph, move_node(graph, *body, node, renames, prefix), nodes, depth);
    }
  }

  /// A node of an inlined body: it may be a call itself, and so may nodes of its subgraphs.
  void nodes_of_call(Graph& graph, Node node, std::vector<Node>& nodes, int depth) {
    const Function* function = model_.find_function(node.domain, node.op_type, node.overload);
    if (function && depth + 1 < deepest_call && can_inline(*function, node)) {
      expand(graph, *function, node, nodes, depth + 1);
      return;
    }
    for (Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) run(**inner, depth + 1);
    }
    nodes.push_back(std::move(node));
  }

  Node move_node(Graph& graph, const Graph& body, Node node, const Renames& renames, const std::string& prefix) {
    const auto moved = [&](ValueId id) {
      if (id == no_value) return no_value;
      return graph.value_named(renames.find(body.name_of(id))->second);
    };
    for (ValueId& id : node.inputs) id = moved(id);
    for (ValueId& id : node.outputs) id = moved(id);
    if (!node.name.empty()) node.name = prefix + node.name;
    for (Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) {
        *inner = renamed_subgraph(**inner, renames, prefix, names_);
      }
    }
    return node;
  }

  ModelDef& model_;
  ModelChanges& changes_;
  Names names_;
  int64_t left_;  ///< nodes that may still be added
};

void collect_callees(const ModelDef& model, const Graph& graph, std::set<const Function*>& called) {
  for (const Node& node : graph.nodes) {
    const Function* function = model.find_function(node.domain, node.op_type, node.overload);
    if (function && called.insert(function).second) collect_callees(model, function->body, called);
    for (const Graph* inner : subgraphs_of(node)) collect_callees(model, *inner, called);
  }
}

}  // namespace

/// The nodes of a function take the place of its call, where they mean the same under the model's imports.
void inline_functions(ModelDef& model, ModelChanges& changes) {
  if (model.functions.empty()) return;
  FunctionInliner(model, changes).run(model.graph, 0);
  if (!model.training_info.empty()) return;
  std::set<const Function*> called;
  collect_callees(model, model.graph, called);
  std::vector<Function> kept;
  for (Function& function : model.functions) {
    if (called.contains(&function)) kept.push_back(std::move(function));
  }
  model.functions = std::move(kept);
}

}  // namespace kiln::passes
