#include <map>
#include <set>

#include "graph/captures.hpp"
#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

using NameSet = std::set<std::string, std::less<>>;

void collect_names(const Graph& graph, NameSet& names) {
  for (const ValueInfo& value : graph.values) names.insert(value.name);
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& inner) { collect_names(inner, names); });
  }
}

/// The branch that an If takes in every run; null where that is not known.
const Graph* taken_branch(const GraphView& view, const Node& node) {
  if (!is_op(node, "If") || node.inputs.size() != 1 || node.inputs[0] == no_value) return nullptr;
  const Tensor condition = known_tensor(view, node.inputs[0]);
  if (!condition.defined() || condition.dtype() != DType::boolean || condition.size() != 1) return nullptr;
  const Attribute* branch = node.find_attribute(*condition.data<bool>() ? "then_branch" : "else_branch");
  const auto* graph = branch != nullptr ? std::get_if<std::shared_ptr<Graph>>(&branch->data) : nullptr;
  return graph != nullptr ? graph->get() : nullptr;
}

class BranchInliner {
 public:
  BranchInliner(GraphView& view, size_t index, const Graph& branch)
      : view_(view), node_(view.graph().nodes[index]), branch_(branch), own_(defined_values(branch)) {
    patch_.what = "take the branch of " + node_.describe(index) + " that every run takes";
    patch_.remove = {index};
    for (const Node& other : view.graph().nodes) {
      if (&other != &node_)
        for_each_subgraph(other, [&](const Graph& inner) { collect_names(inner, names_elsewhere_); });
    }
    for (const Node& inner : branch.nodes) {
      for_each_subgraph(inner, [&](const Graph& graph) { collect_names(graph, names_inside_); });
    }
  }

  std::optional<Patch> run() {
    if (!branch_.inputs.empty() || !branch_.sparse_initializers.empty()) return {};
    if (branch_.outputs.size() != node_.outputs.size() || !names_can_move()) return {};
    for (const Initializer& initializer : branch_.initializers) {
      patch_.constants.push_back({moved(initializer.value), initializer.tensor});
    }
    for (Node node : branch_.nodes) {
      for (ValueId& id : node.inputs) id = moved(id);
      for (ValueId& id : node.outputs) id = moved(id);
      patch_.add.push_back(std::move(node));
    }
    for (size_t i = 0; i < node_.outputs.size(); ++i) {
      if (node_.outputs[i] == no_value) continue;
      patch_.add.push_back(make_node("Identity", {moved(branch_.outputs[i])}, node_.outputs[i], node_));
    }
    return std::move(patch_);
  }

 private:
  /// Whether graphs in the branch find what they read by the same names, and no graph elsewhere finds something new.
  bool names_can_move() const {
    for (size_t i = 0; i < own_.size(); ++i) {
      const std::string& name = branch_.values[i].name;
      const bool clashes = view_.graph().find_value(name) != no_value || names_elsewhere_.contains(name);
      if (own_[i] && clashes && names_inside_.contains(name)) return false;
    }
    for (ValueId id : branch_.outputs) {
      if (id == no_value) return false;
    }
    return true;
  }

  ValueId moved(ValueId id) {
    if (id == no_value) return no_value;
    const auto [place, is_new] = moved_.try_emplace(id, no_value);
    if (!is_new) return place->second;
    const std::string& name = branch_.name_of(id);
    const ValueId here = view_.graph().find_value(name);
    if (!own_[static_cast<size_t>(id)]) return place->second = here != no_value ? here : view_.new_value(name);
    std::string free = name;
    for (int i = 1; names_elsewhere_.contains(free); ++i) free = name + "_" + std::to_string(i);
    return place->second = view_.new_value(free);
  }

  GraphView& view_;
  const Node& node_;
  const Graph& branch_;
  const std::vector<bool> own_;
  NameSet names_elsewhere_, names_inside_;
  std::map<ValueId, ValueId> moved_;
  Patch patch_;
};

}  // namespace

/// An If whose condition is known becomes the nodes of its branch.
std::vector<Patch> find_known_branches(GraphView& view) {
  std::vector<Patch> patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Graph* branch = taken_branch(view, view.graph().nodes[i]);
    if (branch == nullptr) continue;
    if (std::optional<Patch> patch = BranchInliner(view, i, *branch).run()) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
