#pragma once

#include <cstdint>
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
  struct Graph;
  Var(std::shared_ptr<Graph> graph, int32_t id) : graph_(std::move(graph)), id_(id) {}
  std::shared_ptr<Graph> graph_;
  int32_t id_ = -1;
};

/// Strides and the like of convolutions and pools, for each spatial axis; one number is for all axes.
struct Window {
  std::vector<int64_t> stride = {1};
  std::vector<int64_t> padding = {0};  ///< on both sides; or, of twice as many numbers, before all and then behind
  std::vector<int64_t> dilation = {1};
  int64_t groups = 1;
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
class GraphBuilder {
 public:
  /// A dim in a list of them: a number, a symbol, or -1 for unknown.
  struct AxisDim : PortDim {
    AxisDim(int64_t number) { value = number; }        // NOLINT(google-explicit-constructor)
    AxisDim(const char* name) { symbol = name; }       // NOLINT(google-explicit-constructor)
    AxisDim(PortDim dim) : PortDim(std::move(dim)) {}  // NOLINT(google-explicit-constructor)
  };

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
  std::shared_ptr<Var::Graph> graph_;
};

}  // namespace kiln
