#include "passes/model_pass.hpp"

#include <array>

namespace kiln {

std::span<const ModelPass> model_passes() {
  static constexpr std::array list{
      ModelPass{"inline_functions", "put the bodies of functions in the place of their calls",
                passes::inline_functions},
      ModelPass{"raise_opset", "write the model in the newest opset", passes::raise_opset},
  };
  return list;
}

namespace passes {

void collect_graphs(Graph& graph, std::vector<Graph*>& graphs) {
  graphs.push_back(&graph);
  for (Node& node : graph.nodes) {
    for (Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) {
        collect_graphs(**inner, graphs);
      }
    }
  }
}

std::map<const Graph*, Facts> infer_all(const ModelDef& model, bool* contradicts) {
  std::map<const Graph*, Facts> facts;
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  // What a model states of its inner values is often left over from before somebody made an input's dims symbolic.
  ShapeInference inference(model, diagnostics, ShapeInference::StatedTypes::ignore);
  inference.set_observer([&](const Graph& graph, const Facts& found) { facts[&graph] = found; });
  inference.run();
  if (contradicts) *contradicts = diagnostics.has_errors();
  return facts;
}

}  // namespace passes
}  // namespace kiln
