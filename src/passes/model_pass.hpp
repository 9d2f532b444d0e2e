#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// What a rewrite of a whole model did, and what it left as it was.
struct ModelChanges {
  std::vector<std::string> done;   ///< for people, one line each
  std::vector<std::string> notes;  ///< why something could not be done
};

/// A rewrite that needs more than one graph: the model's imports, its functions. Runs once, before the passes.
struct ModelPass {
  std::string_view name;
  std::string_view help;
  void (*run)(ModelDef& model, ModelChanges& changes);
};

/// The rewrites of whole models in the order in which they run.
std::span<const ModelPass> model_passes();

namespace passes {

void inline_functions(ModelDef& model, ModelChanges& changes);
void raise_opset(ModelDef& model, ModelChanges& changes);
void give_constants(ModelDef& model, ModelChanges& changes);

/// Undoes give_constants() where both graphs still have the same constant.
void take_constants_back(Graph& graph);

/// Main graph first, then every subgraph of its nodes. Subgraphs are shared pointers that the model owns alone.
void collect_graphs(Graph& graph, std::vector<Graph*>& graphs);

/// What inference finds for every graph of the model, functions' bodies left out; of values that a subgraph takes from
/// around it, what is known there.
std::map<const Graph*, Facts> infer_all(const ModelDef& model, bool* contradicts = nullptr);

}  // namespace passes
}  // namespace kiln
