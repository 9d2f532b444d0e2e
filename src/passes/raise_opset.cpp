#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "graph/captures.hpp"
#include "ops/schema.hpp"
#include "ops/withdrawn.hpp"
#include "passes/match.hpp"
#include "passes/model_pass.hpp"
#include "passes/opset_changes.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t newest_ir_version = 14;

bool same_default(const Attribute& a, const Attribute& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case AttributeType::undefined: return true;
    case AttributeType::int_: return std::get<int64_t>(a.data) == std::get<int64_t>(b.data);
    case AttributeType::float_: return std::get<float>(a.data) == std::get<float>(b.data);
    case AttributeType::string: return std::get<std::string>(a.data) == std::get<std::string>(b.data);
    case AttributeType::ints: return std::get<std::vector<int64_t>>(a.data) == std::get<std::vector<int64_t>>(b.data);
    default: return false;
  }
}

/// Every type that the parameter had is still allowed, or at least the one that the argument has.
bool takes_argument(const LiftedNode& l, size_t index, const Schema& before, const Schema& after) {
  const FormalParameter* to = after.input_at(index);
  if (!to) return false;
  if (l.node.inputs[index] == no_value) return true;
  const FormalParameter* from = before.input_at(index);
  if (!from) return true;  // A change moved it there.
  const TypeConstraint* constraint = before.find_constraint(from->type);
  const std::vector<std::string> types = constraint ? constraint->types : std::vector<std::string>{from->type};
  if (std::all_of(types.begin(), types.end(), [&](const std::string& t) { return after.allows(*to, t); })) return true;
  const Fact* fact = l.where.fact(l.node.inputs[index]);
  return fact && fact->type.is_known() && after.allows(*to, fact->type.onnx_name());
}

bool has_arguments_of(const Node& node, const Schema& schema) {
  return node.inputs.size() >= schema.min_inputs() && node.inputs.size() <= schema.max_inputs() &&
         node.outputs.size() >= schema.min_outputs() && node.outputs.size() <= schema.max_outputs();
}

/// Fits a node to the next version of its schema. What is new there is taken to leave the old meaning by default:
/// where it does not, OpsetChange has the operator.
bool carry_over(LiftedNode& l, const Schema& before, const Schema& after) {
  remove_attribute(l.node, "consumed_inputs");
  if (!has_arguments_of(l.node, after)) return false;
  for (size_t i = 0; i < l.node.inputs.size(); ++i) {
    if (!takes_argument(l, i, before, after)) return false;
  }
  for (const Attribute& attribute : l.node.attributes) {
    const AttributeDef* def = after.find_attribute(attribute.name);
    if (!def || def->type != attribute.type) return false;
  }
  for (const AttributeDef& def : after.attributes) {
    if (l.node.find_attribute(def.name)) continue;
    const AttributeDef* old = before.find_attribute(def.name);
    if (def.required && !(old && old->default_value.type != AttributeType::undefined)) return false;
    if (!old || (!def.required && same_default(old->default_value, def.default_value))) continue;
    if (old->default_value.type != def.type) return false;
    l.node.attributes.push_back(old->default_value);
  }
  return true;
}

/// Takes a node of ai.onnx through all versions of its operator; false where one of the steps is not certain.
bool lift(LiftedNode& l, int64_t opset, int64_t target) {
  int64_t at = opset;
  while (true) {
    const Schema* now = find_schema("", l.node.op_type, at);
    if (!now || withdrawn(*now) || !has_arguments_of(l.node, *now)) return false;
    const Schema* next = nullptr;
    for (const Schema& schema : schemas_of(*now->op)) {
      if (!next && schema.since > at && schema.since <= target) next = &schema;
    }
    if (!next) return true;
    at = next->since;
    if (const OpsetChange* change = find_change(l.node.op_type, next->since); change && !change->adapt(l)) return false;
    if (l.node.op_type == next->op->name && !carry_over(l, *now, *next)) return false;
  }
}

class Raiser {
 public:
  Raiser(const ModelDef& model, int64_t opset, int64_t target) : model_(model), opset_(opset), target_(target) {}

  /// Plans the new nodes of a graph and its subgraphs; false, with blame() set, where one cannot be had.
  bool plan(KnownGraph& where, const std::map<const Graph*, Facts>& facts) {
    std::vector<Node> nodes;
    for (size_t i = 0; i < where.graph.nodes.size(); ++i) {
      const Node& node = where.graph.nodes[i];
      LiftedNode lifted{where, node};
      if (is_operator(node) && !lift(lifted, opset_, target_)) {
        blame_ = node.describe(i);
        return false;
      }
      if (is_operator(node)) lifted.node.domain.clear();
      for (const Attribute& attribute : node.attributes) {
        if (attribute.type == AttributeType::graphs) return false;
        const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data);
        if (!inner || !*inner) continue;
        const auto known = facts.find(inner->get());
        KnownGraph inside{**inner, known == facts.end() ? nullptr : &known->second, &where};
        if (!plan(inside, facts)) return false;
      }
      std::move(lifted.before.begin(), lifted.before.end(), std::back_inserter(nodes));
      nodes.push_back(std::move(lifted.node));
      std::move(lifted.after.begin(), lifted.after.end(), std::back_inserter(nodes));
    }
    plans_.push_back({&where.graph, std::move(nodes)});
    return true;
  }

  void apply() {
    for (Plan& plan : plans_) plan.graph->nodes = std::move(plan.nodes);
  }

  const std::string& blame() const { return blame_; }

 private:
  bool is_operator(const Node& node) const {
    return canonical_domain(node.domain).empty() && !model_.find_function(node.domain, node.op_type, node.overload);
  }

  struct Plan {
    Graph* graph;
    std::vector<Node> nodes;
  };
  const ModelDef& model_;
  int64_t opset_, target_;
  std::vector<Plan> plans_;
  std::string blame_;
};

/// Gradient nodes name tensors in attributes, and training information names the weights: both stay as they are.
bool can_raise(ModelDef& model) {
  std::vector<Graph*> graphs;
  collect_graphs(model.graph, graphs);
  for (const Graph* graph : graphs) {
    for (const Node& node : graph->nodes) {
      if (node.op_type == "Gradient") return false;
    }
  }
  return model.training_info.empty();
}

}  // namespace

/// Every node goes to the newest version of its operator, or none: later rewrites and the builder see newest forms
/// only. Functions that are still called keep the opset that they name.
void raise_opset(ModelDef& model, ModelChanges& changes) {
  const auto opset = model.opset_imports.find("");
  const int64_t target = known_opsets().find("")->second;
  if (opset == model.opset_imports.end() || opset->second >= target || !can_raise(model)) return;
  const int64_t before = opset->second;
  const auto facts = infer_all(model);
  const auto known = facts.find(&model.graph);
  KnownGraph where{model.graph, known == facts.end() ? nullptr : &known->second, nullptr};
  Raiser raiser(model, before, target);
  if (!raiser.plan(where, facts)) {
    changes.notes.push_back(
        fmt::format("the model stays in opset {}: {} cannot be written in opset {}", before, raiser.blame(), target));
    return;
  }
  raiser.apply();
  for (Function& function : model.functions) {
    if (function.opset_imports.empty()) function.opset_imports = model.opset_imports;
  }
  model.opset_imports[""] = target;
  model.ir_version = std::max(model.ir_version, newest_ir_version);
  changes.done.push_back(fmt::format("raise the model from opset {} to {}", before, target));
}

}  // namespace kiln::passes
