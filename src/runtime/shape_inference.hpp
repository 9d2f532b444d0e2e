#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/diagnostics.hpp"
#include "graph/graph.hpp"
#include "ops/context.hpp"

namespace kiln {

/// What is known of every value of one graph, by ValueId.
using Facts = std::vector<Fact>;

/// A graph around a subgraph, and what is known of its values.
struct Surrounding {
  const Graph* graph = nullptr;
  const OpsetImports* opsets = nullptr;
  Facts facts;
};

/// What follows from a model alone, whatever its inputs are: its initialisers, and the nodes that read nothing else.
struct KnownFacts {
  Facts facts;              ///< of the main graph
  std::vector<bool> nodes;  ///< of the main graph: whether their outputs are among the facts
};
KnownFacts known_facts(const ModelDef& model);

/// Infers the type, the shape and, for the small tensors that compute shapes, the content of every value of a model,
/// its subgraphs and its functions. Nodes that contradict their operator's rules go to the diagnostics; inference
/// goes on behind them with what their schema says.
class ShapeInference {
 public:
  /// Whether the types that the model states for its inner values and outputs are used, and held against what the
  /// rules give. For input shapes other than the model's own they may be wrong.
  enum class StatedTypes { use, ignore };

  ShapeInference(const ModelDef& model, Diagnostics& diagnostics, StatedTypes stated = StatedTypes::use);
  ~ShapeInference();

  /// Facts of the main graph. `inputs` replaces what the graph says of the inputs it names (by ValueId).
  Facts run(const std::map<ValueId, Fact>& inputs = {});

  /// What run() begins with instead of finding it out anew. It must outlive the inference.
  void begin_with(const KnownFacts& known);

  /// Where data decide a shape in the main graph, inference goes on as if each dim that its rule leaves open was this.
  /// Such facts say so (Fact::is_born).
  void guess(int64_t dim);

  /// The types of a subgraph's outputs for these inputs, in the graphs around it (outermost first, at least one).
  std::vector<Type> infer_outputs(const Graph& graph, std::span<const Type> inputs, std::span<Surrounding> around);

  /// Called with each graph and its facts when its inference is done: main graph, subgraphs and function bodies.
  using Observer = std::function<void(const Graph& graph, const Facts& facts)>;
  void set_observer(Observer observer);

  /// One node of an operator with what is known around it, before its results are held against what the model states.
  struct InferredNode {
    const Node& node;
    const Schema& schema;
    std::string place;  ///< "graph 'body', node 'add' (Add)"
    std::span<const Fact* const> inputs;
    std::span<const Fact> outputs;
  };
  using NodeObserver = std::function<void(const InferredNode& inferred)>;
  void set_node_observer(NodeObserver observer);

 private:
  class Driver;
  std::unique_ptr<Driver> driver_;
};

/// The type that a schema gives an output whatever the shapes: the plain type of its parameter, or the type of the
/// first input under the same constraint. Unknown where the schema leaves it open.
Type schema_output_type(const Schema& schema, size_t output, std::span<const Fact* const> inputs);

}  // namespace kiln
