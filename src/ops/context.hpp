#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/function_ref.hpp"
#include "graph/graph.hpp"
#include "ops/kept.hpp"
#include "ops/schema.hpp"

namespace kiln {

/// A node with the schema in force: what an operator's functions ask for their attributes. A default that the schema
/// states is given where the node leaves the attribute out.
class NodeView {
 public:
  NodeView(const Node& node, const Schema& schema, const OpsetImports& opsets)
      : node_(node), schema_(schema), opsets_(opsets) {}

  const Node& node() const { return node_; }
  const Schema& schema() const { return schema_; }
  int version() const { return schema_.since; }  ///< of the schema in force
  const OpsetImports& opsets() const { return opsets_; }

  bool has_attribute(std::string_view name) const { return node_.find_attribute(name) != nullptr; }
  /// Fail when the attribute is absent and has no default, or is of another type.
  int64_t attr_int(std::string_view name) const;
  float attr_float(std::string_view name) const;
  const std::string& attr_string(std::string_view name) const;
  const Tensor& attr_tensor(std::string_view name) const;
  const SparseTensor& attr_sparse(std::string_view name) const;
  const Graph& attr_graph(std::string_view name) const;
  const Type& attr_type(std::string_view name) const;
  /// The same with a value to use when the attribute is absent and the schema states no default.
  int64_t attr_int(std::string_view name, int64_t otherwise) const;
  float attr_float(std::string_view name, float otherwise) const;
  std::string attr_string(std::string_view name, std::string_view otherwise) const;
  /// Lists: empty when absent.
  std::span<const int64_t> attr_ints(std::string_view name) const;
  std::span<const float> attr_floats(std::string_view name) const;
  std::span<const std::string> attr_strings(std::string_view name) const;

 protected:
  const Attribute* lookup(std::string_view name, AttributeType type) const;

 private:
  const Node& node_;
  const Schema& schema_;
  const OpsetImports& opsets_;
};

/// What the runtime does for an operator that runs.
class EvalHost {
 public:
  virtual ~EvalHost() = default;
  virtual Tensor allocate(DType dtype, Shape shape) = 0;
  virtual void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body) = 0;
  /// Runs a subgraph of the node; names that it does not define are found in the graphs around it.
  virtual std::vector<Value> run_graph(const Graph& graph, std::span<const Value> inputs) = 0;
  /// The types that a subgraph's outputs have for these inputs, for a loop of no turns. What the host does not infer is
  /// what the subgraph states.
  virtual std::vector<Type> infer_graph(const Graph& graph, std::span<const Value> inputs);
  /// Throws Error(cancelled) when the caller asked the run to stop; loops call it once a turn.
  virtual void check_cancelled() = 0;
  /// A seed for a random operator without one: differs from call to call, reproducible when the session has a seed.
  virtual uint64_t next_seed() = 0;
};

/// One run of a node by its reference code: inputs in, outputs out.
class EvalContext : public NodeView {
 public:
  EvalContext(const Node& node, const Schema& schema, const OpsetImports& opsets, EvalHost& host,
              std::span<const Value* const> inputs, std::span<Value> outputs, Kept* kept = nullptr)
      : NodeView(node, schema, opsets), host_(host), inputs_(inputs), outputs_(outputs), kept_(kept) {}

  /// What make() gives, a smart pointer to a T that follows from the attributes and the inputs' types alone: made once
  /// for a node that is run more than once.
  template <class T, class Make>
  const T& keep(Make&& make) {
    auto made = kept_ ? kept_->get<T>(std::forward<Make>(make)) : std::shared_ptr<const T>(make());
    const T& content = *made;
    held_ = std::move(made);
    return content;
  }

  size_t input_count() const { return inputs_.size(); }
  /// False for an optional input that is left out. An empty optional VALUE is present.
  bool has_input(size_t index) const { return index < inputs_.size() && inputs_[index] != nullptr; }
  const Value& value(size_t index) const;   ///< fails when it is left out
  const Tensor& input(size_t index) const;  ///< fails when it is left out or is no tensor
  /// The integers of a 1-D or scalar i32/i64 tensor input ("axes", "shape", ...).
  std::vector<int64_t> input_ints(size_t index) const;
  /// The only element of an integer tensor input.
  int64_t input_int(size_t index) const;

  size_t output_count() const { return outputs_.size(); }
  bool wants_output(size_t index) const;
  /// Allocates output `index`; its elements are not initialised. The reference stays good until the run ends.
  Tensor& output(size_t index, DType dtype, Shape shape);
  void set_output(size_t index, Value value);

  EvalHost& host() { return host_; }
  /// Splits [0, count) over the threads in pieces of at least `grain`.
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

 private:
  EvalHost& host_;
  std::span<const Value* const> inputs_;
  std::span<Value> outputs_;
  Kept* kept_;
  std::shared_ptr<const void> held_;  ///< what keep() gave, for this run
};

/// What type inference does for an operator with subgraphs.
class InferHost {
 public:
  virtual ~InferHost() = default;
  /// The types of the subgraph's outputs when its inputs have these types.
  virtual std::vector<Type> infer_graph(const Graph& graph, std::span<const Type> inputs) = 0;
  /// The same for inputs that are only a guess: what contradicts them is not reported.
  virtual std::vector<Type> guess_graph(const Graph& graph, std::span<const Type> inputs) {
    return infer_graph(graph, inputs);
  }
};

/// What is known of one value while types are inferred.
struct Fact {
  Type type;
  Tensor constant;                       ///< the value itself where it is known before any run, if small
  std::optional<std::vector<Dim>> dims;  ///< the elements of a small integer tensor, as expressions
  bool is_born = false;                  ///< data decide its shape; open dims are guessed (ShapeInference::guess)
};

/// One node seen by type and shape inference. Unknown stays unknown: a rule that lacks a shape sets the type only.
class InferContext : public NodeView {
 public:
  InferContext(const Node& node, const Schema& schema, const OpsetImports& opsets, InferHost& host,
               std::span<const Fact* const> inputs, std::span<Fact> outputs)
      : NodeView(node, schema, opsets), host_(host), inputs_(inputs), outputs_(outputs) {}

  size_t input_count() const { return inputs_.size(); }
  bool has_input(size_t index) const { return index < inputs_.size() && inputs_[index] != nullptr; }
  const Type& type(size_t index) const;        ///< an unknown type when it is left out
  DType dtype(size_t index) const;             ///< undefined while unknown
  const SymShape* shape(size_t index) const;   ///< null while the rank is unknown
  const Tensor* constant(size_t index) const;  ///< null unless known
  /// The elements of an integer tensor as expressions: from the constant or by propagation.
  std::optional<std::vector<Dim>> dims(size_t index) const;
  /// The same when all of them are plain numbers.
  std::optional<std::vector<int64_t>> ints(size_t index) const;

  size_t output_count() const { return outputs_.size(); }
  bool wants_output(size_t index) const { return index < outputs_.size(); }
  void set_output(size_t index, DType dtype, std::optional<SymShape> shape = {});
  void set_output(size_t index, Type type);
  /// Says what the elements of an integer output (rank 0 or 1) are, as expressions. Outputs of nodes whose inputs are
  /// all known are computed by the reference code, so rules need this only for symbols.
  void set_dims(size_t index, std::vector<Dim> elements);
  void set_constant(size_t index, Tensor value);

  std::vector<Type> infer_graph(std::string_view attribute, std::span<const Type> inputs);
  std::vector<Type> guess_graph(std::string_view attribute, std::span<const Type> inputs);

 private:
  InferHost& host_;
  std::span<const Fact* const> inputs_;
  std::span<Fact> outputs_;
};

}  // namespace kiln
