#include "graph/gradient_body.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "graph/captures.hpp"

namespace kiln {
namespace {

bool is_gradient(const Node& node) {
  return node.op_type == "Gradient" && node.domain == "ai.onnx.preview.training" && !node.find_attribute("body");
}

std::vector<std::string> strings_of(const Node& node, std::string_view name) {
  const Attribute* attribute = node.find_attribute(name);
  if (!attribute) return {};
  const auto* strings = std::get_if<std::vector<std::string>>(&attribute->data);
  if (!strings) fail(ErrorCode::invalid_model, "attribute '{}' must be a list of strings", name);
  return *strings;
}

class Extraction {
 public:
  explicit Extraction(const Graph& graph) : graph_(graph), producer_(graph.values.size(), nullptr) {
    for (const Node& node : graph.nodes) {
      for (ValueId id : node.outputs) {
        if (id != no_value) producer_[static_cast<size_t>(id)] = &node;
      }
    }
  }

  std::shared_ptr<Graph> extract(const Node& gradient) const {
    std::vector<std::string> names = strings_of(gradient, "xs");
    const std::vector<std::string> others = strings_of(gradient, "zs");
    names.insert(names.end(), others.begin(), others.end());
    if (names.size() != gradient.inputs.size()) {
      fail(ErrorCode::invalid_model, "xs and zs name {} tensors, but the node has {} inputs", names.size(),
           gradient.inputs.size());
    }
    const Attribute* target = gradient.find_attribute("y");
    const auto* y = target ? std::get_if<std::string>(&target->data) : nullptr;
    if (!y) fail(ErrorCode::invalid_model, "the required attribute 'y' is missing");

    std::set<ValueId> sources;
    for (const std::string& name : names) sources.insert(find(name));
    const std::set<const Node*> between = nodes_between(sources, find(*y));

    auto body = std::make_shared<Graph>();
    body->name = "gradient of " + *y;
    for (const std::string& name : names) body->inputs.push_back(body->value_named(name));
    body->value_named(*y);
    for (const Node& node : graph_.nodes) {
      if (between.contains(&node)) body->nodes.push_back(copy_node(node, *body));
    }
    for (size_t i = 0; i < body->values.size(); ++i) body->outputs.push_back(static_cast<ValueId>(i));
    return body;
  }

 private:
  ValueId find(const std::string& name) const {
    const ValueId id = graph_.find_value(name);
    if (id == no_value) fail(ErrorCode::invalid_model, "the graph around the node has no tensor '{}'", name);
    return id;
  }

  /// The nodes that y needs and that need a source themselves.
  std::set<const Node*> nodes_between(const std::set<ValueId>& sources, ValueId y) const {
    std::vector<const Node*> found;  // in the order of the search backwards from y
    std::set<const Node*> seen;
    std::vector<ValueId> open = {y};
    while (!open.empty()) {
      const ValueId id = open.back();
      open.pop_back();
      const Node* node = producer_[static_cast<size_t>(id)];
      if (!node || sources.contains(id) || !seen.insert(node).second) continue;
      found.push_back(node);
      for (ValueId input : values_read(graph_, *node)) open.push_back(input);
    }
    std::set<ValueId> depends = sources;
    std::set<const Node*> between;
    for (bool grows = true; grows;) {
      grows = false;
      for (const Node& node : graph_.nodes) {
        if (!seen.contains(&node) || between.contains(&node)) continue;
        const std::vector<ValueId> inputs = values_read(graph_, node);
        if (std::none_of(inputs.begin(), inputs.end(), [&](ValueId id) { return depends.contains(id); })) continue;
        between.insert(&node);
        depends.insert(node.outputs.begin(), node.outputs.end());
        grows = true;
      }
    }
    return between;
  }

  Node copy_node(const Node& node, Graph& body) const {
    Node copy = node;
    const auto rename = [&](ValueId id) { return id == no_value ? no_value : body.value_named(graph_.name_of(id)); };
    std::transform(node.inputs.begin(), node.inputs.end(), copy.inputs.begin(), rename);
    std::transform(node.outputs.begin(), node.outputs.end(), copy.outputs.begin(), rename);
    return copy;
  }

  const Graph& graph_;
  std::vector<const Node*> producer_;
};

}  // namespace

std::shared_ptr<const Graph> with_gradient_bodies(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), is_gradient)) return nullptr;
  auto completed = std::make_shared<Graph>(graph);
  const Extraction extraction(graph);
  for (size_t i = 0; i < completed->nodes.size(); ++i) {
    Node& node = completed->nodes[i];
    if (!is_gradient(node)) continue;
    with_place(
        [&] {
          Attribute body;
          body.name = "body";
          body.type = AttributeType::graph;
          body.data = extraction.extract(graph.nodes[i]);
          node.attributes.push_back(std::move(body));
        },
        [&] { return node.describe(i); });
  }
  return completed;
}

}  // namespace kiln
