#include "passes/patch.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "graph/captures.hpp"

namespace kiln {
namespace {

size_t slot(ValueId id) { return static_cast<size_t>(id); }

/// Every name that occurs in a subgraph, also deeper down: any of them may mean a value of the graph around it.
void mark_captured(const Graph& outer, const Graph& subgraph, std::vector<bool>& captured) {
  for (const ValueInfo& value : subgraph.values) {
    const ValueId id = outer.find_value(value.name);
    if (id != no_value) captured[slot(id)] = true;
  }
  for (const Node& node : subgraph.nodes) {
    for_each_subgraph(node, [&](const Graph& inner) { mark_captured(outer, inner, captured); });
  }
}

}  // namespace

GraphView::GraphView(Graph& graph, const OpsetImports& opsets, Facts& facts)
    : graph_(graph),
      opsets_(opsets),
      facts_(facts),
      producer_(graph.values.size(), -1),
      readers_(graph.values.size()),
      is_output_(graph.values.size(), false),
      is_input_(graph.values.size(), false),
      is_captured_(graph.values.size(), false),
      constant_(graph.values.size(), -1) {
  facts_.resize(graph.values.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].inputs) {
      if (id != no_value) readers_[slot(id)].push_back(i);
    }
    for (ValueId id : graph.nodes[i].outputs) {
      if (id != no_value) producer_[slot(id)] = static_cast<int>(i);
    }
    for_each_subgraph(graph.nodes[i], [&](const Graph& inner) { mark_captured(graph, inner, is_captured_); });
  }
  for (ValueId id : graph.inputs) is_input_[slot(id)] = true;
  for (ValueId id : graph.outputs) is_output_[slot(id)] = true;
  for (size_t i = 0; i < graph.initializers.size(); ++i) {
    const ValueId id = graph.initializers[i].value;
    if (!is_input_[slot(id)]) constant_[slot(id)] = static_cast<int>(i);
  }
}

const Node* GraphView::producer(ValueId id) const {
  if (id == no_value || producer_[slot(id)] < 0) return nullptr;
  return &graph_.nodes[slot(producer_[slot(id)])];
}

bool GraphView::has_single_reader(ValueId id) const {
  return readers_[slot(id)].size() == 1 && !is_output(id) && !is_captured(id);
}

const Tensor* GraphView::constant(ValueId id) const {
  if (id == no_value || constant_[slot(id)] < 0) return nullptr;
  return &graph_.initializers[slot(constant_[slot(id)])].tensor;
}

const Node* GraphView::producer_if(ValueId id, std::string_view op_type) const {
  const Node* node = producer(id);
  return node && node->domain.empty() && node->op_type == op_type ? node : nullptr;
}

const Node* GraphView::single_reader_if(ValueId id, std::string_view op_type) const {
  if (!has_single_reader(id)) return nullptr;
  const Node& node = graph_.nodes[readers_[slot(id)].front()];
  return node.domain.empty() && node.op_type == op_type ? &node : nullptr;
}

bool GraphView::can_replace(ValueId from, ValueId to) const {
  if (is_captured(from)) return false;
  return !is_output(from) || (producer(to) && !is_output(to) && !is_captured(to));
}

int64_t int_attribute(const Node& node, std::string_view name, int64_t otherwise) {
  const Attribute* attribute = node.find_attribute(name);
  return attribute && attribute->type == AttributeType::int_ ? std::get<int64_t>(attribute->data) : otherwise;
}

ValueId GraphView::new_value(const std::string& hint) {
  std::string name = hint;
  for (int i = 1; graph_.find_value(name) != no_value; ++i) name = hint + "_" + std::to_string(i);
  const ValueId id = graph_.value_named(name);
  facts_.resize(graph_.values.size());
  producer_.resize(graph_.values.size(), -1);
  readers_.resize(graph_.values.size());
  is_output_.resize(graph_.values.size(), false);
  is_input_.resize(graph_.values.size(), false);
  is_captured_.resize(graph_.values.size(), false);
  constant_.resize(graph_.values.size(), -1);
  return id;
}

namespace {

bool contains(const std::vector<ValueId>& ids, ValueId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void replace_in(std::vector<ValueId>& ids, ValueId from, ValueId to) { std::replace(ids.begin(), ids.end(), from, to); }

/// Replacements made so far: where a value that is no longer read or made lives on.
class Aliases {
 public:
  explicit Aliases(size_t count) : to_(count, no_value) {}
  ValueId follow(ValueId id) const {
    while (to_[slot(id)] != no_value) id = to_[slot(id)];
    return id;
  }
  void set(ValueId from, ValueId to) { to_[slot(from)] = to; }

 private:
  std::vector<ValueId> to_;
};

/// Two outputs that are the same need a node for the second name. It stands behind the maker of the first.
void copy_output(Graph& graph, ValueId name, ValueId of) {
  const auto maker = std::ranges::find_if(graph.nodes, [&](const Node& node) { return contains(node.outputs, of); });
  const Node copy{.name = graph.name_of(name), .op_type = "Identity", .inputs = {of}, .outputs = {name}};
  graph.nodes.insert(maker == graph.nodes.end() ? graph.nodes.begin() : std::next(maker), copy);
}

/// Whether a value may go by the name of an output: a node makes it, and nobody needs it by the name that it has.
bool may_be_renamed(const Graph& graph, ValueId id) {
  if (contains(graph.outputs, id)) return false;
  const auto makes = [&](const Node& node) { return contains(node.outputs, id); };
  if (std::ranges::none_of(graph.nodes, makes)) return false;
  std::vector<bool> captured(graph.values.size(), false);
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& inner) { mark_captured(graph, inner, captured); });
  }
  return !captured[slot(id)];
}

void replace(Graph& graph, ValueId from, ValueId to, Aliases& aliases) {
  from = aliases.follow(from);
  to = aliases.follow(to);
  if (from == to) return;
  // Other patches may have led here: what was no output, or had a maker, when the patch was found is so no more.
  if (contains(graph.outputs, from) && !may_be_renamed(graph, to)) return copy_output(graph, from, to);
  // An output keeps its name: the maker of `to` and all its readers use `from` instead.
  if (contains(graph.outputs, from)) std::swap(from, to);
  for (Node& node : graph.nodes) {
    replace_in(node.outputs, from, to);
    replace_in(node.inputs, from, to);
  }
  aliases.set(from, to);
}

void check_makers(const Graph& graph) {
  std::vector<int> makers(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.outputs) {
      if (id != no_value && ++makers[slot(id)] > 1) {
        fail(ErrorCode::internal, "patches make value '{}' twice", graph.name_of(id));
      }
    }
  }
}

}  // namespace

void apply_patches(Graph& graph, std::span<const Patch> patches) {
  std::vector<bool> removed(graph.nodes.size(), false);
  std::vector<std::vector<const Patch*>> added(graph.nodes.size() + 1);
  for (const Patch& patch : patches) {
    size_t place = patch.remove.empty() ? graph.nodes.size() : 0;
    for (size_t index : patch.remove) {
      if (removed[index]) fail(ErrorCode::internal, "patch '{}' removes a node that is gone already", patch.what);
      removed[index] = true;
      place = std::max(place, index);
    }
    if (patch.early && !patch.remove.empty()) place = *std::min_element(patch.remove.begin(), patch.remove.end());
    added[place].push_back(&patch);
  }
  std::vector<Node> nodes;
  for (size_t i = 0; i <= graph.nodes.size(); ++i) {
    for (const Patch* patch : added[i]) nodes.insert(nodes.end(), patch->add.begin(), patch->add.end());
    if (i < graph.nodes.size() && !removed[i]) nodes.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(nodes);
  Aliases aliases(graph.values.size());
  for (const Patch& patch : patches) {
    for (const Patch::Constant& constant : patch.constants) {
      graph.initializers.push_back({.value = constant.value, .tensor = constant.tensor});
    }
    for (const Patch::Replacement& change : patch.replace) replace(graph, change.from, change.to, aliases);
  }
  check_makers(graph);
}

}  // namespace kiln
