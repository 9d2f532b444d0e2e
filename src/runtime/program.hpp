#pragma once

#include <map>
#include <memory>
#include <vector>

#include "graph/graph.hpp"
#include "ops/kept.hpp"
#include "ops/schema.hpp"
#include "runtime/type_rules.hpp"

namespace kiln {

struct Program;

/// Where a value of a graph is found when a step reads it.
struct ValueSource {
  enum class Kind : uint8_t { frame, constant, outer } kind = Kind::frame;
  int depth = 0;          ///< outer: how many graphs out
  ValueId id = no_value;  ///< in the frame or among the constants of that graph
};

/// One node made ready to run: its operator resolved, its last reads known.
struct Step {
  const Node* node = nullptr;
  size_t node_index = 0;                   ///< in the graph, for messages
  const Schema* schema = nullptr;          ///< null for a call of a model-local function
  std::shared_ptr<const TypeRules> types;  ///< of the inputs; null for a call of a function
  std::unique_ptr<Program> function;       ///< the body of such a call
  std::vector<ValueSource> inputs;         ///< id is no_value where an input is left out
  std::vector<ValueId> releases;           ///< values of this frame that nobody reads after this step
  std::unique_ptr<Kept> kept = std::make_unique<Kept>();
};

/// A graph made ready to run: steps in an order in which every value is made before it is read.
struct Program {
  const ModelDef* model = nullptr;
  const Graph* graph = nullptr;
  std::shared_ptr<const Graph> owned_graph;  ///< keeps a graph that is not the model's own: a function's body, say
  const OpsetImports* opsets = nullptr;
  const Program* outer = nullptr;  ///< the graph around this one; null for a main graph or function body
  std::vector<Step> steps;
  std::vector<ValueSource> sources;  ///< of every value of the graph
  std::vector<Value> constants;      ///< by value; none where it is no constant
  std::vector<ValueSource> outputs;
  std::map<const Graph*, std::unique_ptr<Program>> subgraphs;
};

/// Resolves every operator, function, name and constant of a model. Fails with a message that names all operators
/// that cannot run, not just the first. Large constants of the main graph stay where the model has them, at any
/// address, until align_constants().
std::unique_ptr<Program> compile(const ModelDef& model);

/// Copies constants that code could not read where they lie, but those that `stay` (by value; none where it is empty).
void align_constants(Program& program, const std::vector<bool>& stay);

}  // namespace kiln
