#include "graph/copy_model.hpp"

namespace kiln {
namespace {

void own_subgraphs(Graph& graph);

void own(std::shared_ptr<Graph>& graph) {
  if (!graph) return;
  graph = std::make_shared<Graph>(*graph);
  own_subgraphs(*graph);
}

void own_subgraphs(std::vector<Attribute>& attributes) {
  for (Attribute& attribute : attributes) {
    if (auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.data)) own(*graph);
    if (auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
      for (auto& inner : *graphs) own(inner);
    }
  }
}

void own_subgraphs(Graph& graph) {
  for (Node& node : graph.nodes) own_subgraphs(node.attributes);
}

}  // namespace

ModelDef copy_model(ModelDef model) {
  own_subgraphs(model.graph);
  for (Function& function : model.functions) {
    own_subgraphs(function.attribute_defaults);
    own_subgraphs(function.body);
  }
  for (TrainingInfo& training : model.training_info) {
    own_subgraphs(training.initialization);
    own_subgraphs(training.algorithm);
  }
  return model;
}

}  // namespace kiln
