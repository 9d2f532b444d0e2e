#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/custom_op.hpp"

namespace kiln {

class Model;
class GraphBuilder;

/// A value of a network that is being built. Copies are the same value.
class Var {
 public:
  /// None: stands for an optional input that is left out.
  Var() = default;
  bool defined() const { return id_ >= 0; }
  const std::string& name() const;
  /// As far as the operators' rules know it.
  TensorType type() const;

 private:
  friend class GraphBuilder;
  struct Network;
  Var(std::shared_ptr<Network> network, int32_t id) : network_(std::move(network)), id_(id) {}
  std::shared_ptr<Network> network_;
  int32_t id_ = -1;
};

/// Strides and the like of convolutions and pools, for each spatial axis; one number is for all axes.
struct Window {
  std::vector<int64_t> stride = {1};
  std::vector<int64_t> padding = {0};  ///< on both sides; or, of twice as many numbers, before all and then behind
  std::vector<int64_t> dilation = {1};
  int64_t groups = 1;
};

/// What the body of a loop gives in one turn.
struct Turn {
  std::vector<Var> state;           ///< for the next turn, as many as there were
  std::vector<Var> collected = {};  ///< of all turns, one behind the other in a new first dim, which are results too
  Var go_on = {};                   ///< of a Loop: whether there is a next turn; undefined for always
};

/// Which axis of a Scan's sequences and of what it collects counts the turns, and from where: each list has one number
/// for all, or as many as there are.
struct ScanAxes {
  std::vector<int64_t> axes = {0};
  std::vector<bool> backwards = {false};
  std::vector<int64_t> collected_axes = {0};
  std::vector<bool> collected_backwards = {false};
};

/// Builds a network by hand, as ONNX's operators:
///
///     kiln::GraphBuilder b;
///     kiln::Var x = b.input("x", kiln::DType::f32, {"n", 3, 32, 32});
///     x = b.relu(b.conv2d(x, weights, bias, {.padding = {1}}));
///     b.output(b.op("Softmax", {b.flatten(x)}, {{"axis", 1}}), "y");
///     kiln::Session session(b.model());
///
/// What is wrong with a node is an Error of the call that adds it, and names it.
///
/// Graphs inside of nodes are made by functions. What is added while one runs goes into that graph, which may read all
/// values around it:
///
///     Var y = b.if_else(is_large, [&] { return std::vector{b.relu(x)}; }, [&] { return std::vector{x}; })[0];
///
/// A function may be called more than once, until the shapes that it is given hold in every turn of its loop.
class GraphBuilder {
 public:
  /// A dim in a list of them: a number, a symbol, or -1 for unknown.
  struct AxisDim : PortDim {
    AxisDim(int64_t number) { value = number; }        // NOLINT(google-explicit-constructor)
    AxisDim(const char* name) { symbol = name; }       // NOLINT(google-explicit-constructor)
    AxisDim(PortDim dim) : PortDim(std::move(dim)) {}  // NOLINT(google-explicit-constructor)
  };

  using Branch = std::function<std::vector<Var>()>;
  using Body = std::function<std::vector<Var>(const std::vector<Var>& inputs)>;
  /// Of a Loop: the number of the turn, an int64, and the state.
  using LoopBody = std::function<Turn(const Var& number, const std::vector<Var>& state)>;
  /// Of a Scan: the state, and an element of each sequence.
  using ScanBody = std::function<Turn(const std::vector<Var>& state, const std::vector<Var>& elements)>;

  explicit GraphBuilder(std::string_view name = "graph");

  Var input(std::string_view name, DType dtype, const std::vector<AxisDim>& shape);
  Var constant(Tensor tensor, std::string_view name = {});
  /// Any operator by its name, also of another domain. An undefined Var is an input that is left out.
  std::vector<Var> ops(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes = {},
                       size_t outputs = 1, std::string_view domain = {}, std::string_view name = {});
  /// The same for one output.
  Var op(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes = {});
  /// Makes a value an output of the network, by this name.
  void output(const Var& value, std::string_view name = {});

  /// An If: the results of one of two functions, of the same number and element types.
  std::vector<Var> if_else(const Var& condition, const Branch& then, const Branch& otherwise);
  /// A Loop of so many turns (undefined for no limit), while `condition` (undefined for true) and then Turn::go_on
  /// hold. It gives the last state, and behind it what was collected.
  std::vector<Var> loop(const Var& turns, const Var& condition, const std::vector<Var>& state, const LoopBody& body);
  /// A Scan: a turn for each element of sequences that are equally long. It gives what a loop gives.
  std::vector<Var> scan(const std::vector<Var>& state, const std::vector<Var>& sequences, const ScanBody& body,
                        const ScanAxes& axes = {});
  /// A graph for an attribute of any other node.
  Subgraph subgraph(const std::vector<TensorType>& inputs, const Body& body, std::string_view name = "inner");

  Var conv2d(const Var& x, const Var& weights, const Var& bias = {}, const Window& window = {});
  Var conv_transpose2d(const Var& x, const Var& weights, const Var& bias = {}, const Window& window = {});
  Var max_pool2d(const Var& x, int64_t size, const Window& window = {});
  Var average_pool2d(const Var& x, int64_t size, const Window& window = {});
  /// x * weights^T + bias, with weights [out, in], as PyTorch's Linear.
  Var linear(const Var& x, const Var& weights, const Var& bias = {});
  Var batch_norm(const Var& x, const Var& scale, const Var& bias, const Var& mean, const Var& variance,
                 float epsilon = 1e-5f);
  Var layer_norm(const Var& x, const Var& scale, const Var& bias = {}, int64_t axis = -1, float epsilon = 1e-5f);
  Var relu(const Var& x) { return op("Relu", {x}); }
  Var gelu(const Var& x) { return op("Gelu", {x}); }
  Var sigmoid(const Var& x) { return op("Sigmoid", {x}); }
  Var softmax(const Var& x, int64_t axis = -1) { return op("Softmax", {x}, {{"axis", axis}}); }
  Var add(const Var& a, const Var& b) { return op("Add", {a, b}); }
  Var mul(const Var& a, const Var& b) { return op("Mul", {a, b}); }
  Var matmul(const Var& a, const Var& b) { return op("MatMul", {a, b}); }
  Var concat(const std::vector<Var>& parts, int64_t axis) { return op("Concat", parts, {{"axis", axis}}); }
  Var flatten(const Var& x, int64_t axis = 1) { return op("Flatten", {x}, {{"axis", axis}}); }
  Var reshape(const Var& x, const std::vector<int64_t>& shape);
  Var transpose(const Var& x, const std::vector<int64_t>& order) { return op("Transpose", {x}, {{"perm", order}}); }
  Var global_average_pool(const Var& x) { return op("GlobalAveragePool", {x}); }

  /// What was built so far, which must have an output. The builder may go on afterwards.
  Model model() const;

 private:
  struct Inner;  ///< a graph inside of a node, and the types of its results
  class Names;
  class Inside;

  Var var(int32_t id) const { return {network_, id}; }
  void check(const Var& value) const;
  Inner build(const Inner& wanted, const Body& body);
  Inner build_until_settled(Inner wanted, const Body& body);

  std::shared_ptr<Var::Network> network_;
};

}  // namespace kiln
