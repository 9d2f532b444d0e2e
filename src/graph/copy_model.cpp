#include "graph/copy_model.hpp"

namespace kiln {
namespace {

void own_subgraphs(std::vector<Node>& nodes);

void own(std::shared_ptr<Graph>& graph) {
  if (!graph) return;
  graph = std::make_shared<Graph>(*graph);
  own_subgraphs(graph->nodes);
}

void own_subgraphs(std::vector<Node>& nodes) {
  for (Node& node : nodes) {
    for (Attribute& attribute : node.attributes) {
      if (auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.data)) own(*graph);
      if (auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
        for (auto& inner : *graphs) own(inner);
      }
    }
  }
}

}  // namespace

ModelDef copy_model(const ModelDef& model) {
  ModelDef copy = model;
  own_subgraphs(copy.graph.nodes);
  for (Function& function : copy.functions) own_subgraphs(function.body.nodes);
  return copy;
}

}  // namespace kiln
