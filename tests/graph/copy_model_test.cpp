#include "graph/copy_model.hpp"

#include <gtest/gtest.h>

namespace kiln {
namespace {

/// A graph with one node, whose subgraph bears a name.
Graph with_subgraph() {
  auto inner = std::make_shared<Graph>();
  inner->name = "inner";
  Node node;
  node.attributes.emplace_back().data = inner;
  node.attributes.emplace_back().data = std::vector<std::shared_ptr<Graph>>{inner, nullptr};
  Graph graph;
  graph.nodes.push_back(node);
  return graph;
}

void rename_inner(const Attribute& attribute) {
  if (const auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.data)) (*graph)->name = "another";
  if (const auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
    graphs->front()->name = "another";
  }
}

std::string inner_name(const Attribute& attribute) { return std::get<std::shared_ptr<Graph>>(attribute.data)->name; }

TEST(CopyModel, SharesNoSubgraph) {
  ModelDef model;
  model.graph = with_subgraph();
  model.functions.emplace_back().body = with_subgraph();
  model.functions[0].attribute_defaults = with_subgraph().nodes[0].attributes;
  model.training_info.push_back({with_subgraph(), with_subgraph(), {}, {}});
  const auto attributes = [](const ModelDef& of) {
    return std::vector{&of.graph.nodes[0].attributes, &of.functions[0].body.nodes[0].attributes,
                       &of.functions[0].attribute_defaults, &of.training_info[0].initialization.nodes[0].attributes,
                       &of.training_info[0].algorithm.nodes[0].attributes};
  };
  const ModelDef copy = copy_model(model);
  for (const auto* list : attributes(copy)) {
    for (const Attribute& attribute : *list) rename_inner(attribute);
  }
  for (const auto* list : attributes(model)) EXPECT_EQ(inner_name(list->front()), "inner");
  for (const auto* list : attributes(copy)) EXPECT_EQ(inner_name(list->front()), "another");
}

}  // namespace
}  // namespace kiln
