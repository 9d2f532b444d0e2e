#include "builder/fuse.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

#include "graph/captures.hpp"

namespace kiln {
namespace {

class Fuser {
 public:
  Fuser(const Program& program, const BuildFacts& facts)
      : program_(program),
        graph_(*program.graph),
        facts_(facts.typical),
        sure_(facts.sure),
        taken_(graph_.nodes.size(), false),
        readers_(graph_.values.size()),
        is_kept_(graph_.values.size(), false) {
    for (const Step& step : program.steps) {
      for (ValueId id : values_read(graph_, *step.node)) readers_[at(id)].push_back(step.node_index);
      order_.resize(graph_.nodes.size());
      order_[step.node_index] = static_cast<size_t>(&step - program.steps.data());
    }
    for (ValueId id : graph_.outputs) {
      if (id != no_value) is_kept_[at(id)] = true;
    }
  }

  std::vector<Group> fuse() {
    std::vector<Group> groups;
    for (const Step& step : program_.steps) {
      if (taken_[step.node_index]) continue;
      taken_[step.node_index] = true;
      groups.push_back(is_linear(*step.node) ? linear_group(step.node_index) : single(step.node_index));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [&](const Group& a, const Group& b) { return order_[last(a)] < order_[last(b)]; });
    return groups;
  }

 private:
  static size_t at(ValueId id) { return static_cast<size_t>(id); }
  static bool is_onnx(const Node& node, std::string_view op) {
    return node.op_type == op && canonical_domain(node.domain).empty();
  }
  static bool is_linear(const Node& node) {
    for (const char* op : {"Conv", "ConvTranspose", "Gemm", "MatMul"}) {
      if (is_onnx(node, op)) return node.outputs.size() == 1;
    }
    return false;
  }
  size_t last(const Group& group) const {
    return *std::max_element(group.nodes.begin(), group.nodes.end(),
                             [&](size_t a, size_t b) { return order_[a] < order_[b]; });
  }

  Group single(size_t index) const {
    const Node& node = graph_.nodes[index];
    return {.nodes = {index}, .inputs = node.inputs, .outputs = node.outputs};
  }

  /// Every node reading the value, where it is nothing else than their input.
  std::vector<size_t> inner_readers(ValueId id) const {
    if (id == no_value || is_kept_[at(id)]) return {};
    for (size_t index : readers_[at(id)]) {
      const Node& node = graph_.nodes[index];
      if (taken_[index] || !subgraphs_of(node).empty() || node.outputs.size() != 1) return {};
    }
    return readers_[at(id)];
  }

  const Tensor* constant(ValueId id) const { return id == no_value ? nullptr : constant_value(program_, sure_, id); }
  std::optional<float> scalar(ValueId id) const {
    const Tensor* tensor = constant(id);
    if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->size() != 1) return {};
    return tensor->data<float>()[0];
  }
  bool same_f32(ValueId a, ValueId b) const {
    const Type &x = facts_[at(a)].type, &y = facts_[at(b)].type;
    return x.is_tensor() && y.is_tensor() && x.dtype == DType::f32 && y.dtype == DType::f32 && x.shape && y.shape &&
           *x.shape == *y.shape;
  }

  Group linear_group(size_t index) {
    Group group = single(index);
    group.inputs.resize(3, no_value);
    while (extend(group)) {
    }
    return group;
  }

  void take(Group& group, size_t index, ValueId output) {
    taken_[index] = true;
    group.nodes.push_back(index);
    group.outputs[0] = output;
  }

  bool extend(Group& group) {
    const ValueId value = group.outputs[0];
    const std::vector<size_t> readers = inner_readers(value);
    if (group.epilogue.activation == Activation::none && readers.size() == 2) return take_silu(group, readers);
    if (readers.size() != 1) return false;
    const Node& next = graph_.nodes[readers[0]];
    if (is_onnx(next, "Add") && next.inputs[0] != next.inputs[1]) {
      const ValueId other = next.inputs[0] == value ? next.inputs[1] : next.inputs[0];
      return take_bias(group, readers[0], other) || take_residual(group, readers[0], other);
    }
    if (group.epilogue.activation != Activation::none || group.epilogue.residual == Residual::after_activation) {
      return false;
    }
    return take_activation(group, readers[0]);
  }

  /// A constant row behind a MatMul without one.
  bool take_bias(Group& group, size_t index, ValueId other) {
    const Tensor* row = constant(other);
    const bool first = group.nodes.size() == 1 && group.inputs[2] == no_value;
    if (!first || row == nullptr || row->dtype() != DType::f32) return false;
    if (!is_onnx(graph_.nodes[group.nodes[0]], "MatMul") ||
        !same_f32(group.outputs[0], graph_.nodes[index].outputs[0])) {
      return false;
    }
    if (row->size() != 1 && (row->shape().back() != row->size() || !ends_with(group.outputs[0], row->size()))) {
      return false;
    }
    group.inputs[2] = other;
    take(group, index, graph_.nodes[index].outputs[0]);
    return true;
  }
  bool ends_with(ValueId id, int64_t size) const {
    const auto& shape = facts_[at(id)].type.shape;
    return shape && !shape->empty() && shape->back().is_known() && shape->back().value() == size;
  }

  bool take_residual(Group& group, size_t index, ValueId other) {
    if (group.residual >= 0 || constant(other) != nullptr || !same_f32(group.outputs[0], other)) return false;
    group.epilogue.residual =
        group.epilogue.activation == Activation::none ? Residual::before_activation : Residual::after_activation;
    group.residual = static_cast<int>(group.inputs.size());
    group.inputs.push_back(other);
    take(group, index, graph_.nodes[index].outputs[0]);
    return true;
  }

  /// x * Sigmoid(x)
  bool take_silu(Group& group, const std::vector<size_t>& readers) {
    const ValueId value = group.outputs[0];
    for (size_t i : {0, 1}) {
      const Node &gate = graph_.nodes[readers[i]], &product = graph_.nodes[readers[1 - i]];
      if (!is_onnx(gate, "Sigmoid") || !is_onnx(product, "Mul")) continue;
      const ValueId sigmoid = gate.outputs[0];
      const bool fits = (product.inputs[0] == value && product.inputs[1] == sigmoid) ||
                        (product.inputs[1] == value && product.inputs[0] == sigmoid);
      if (!fits || inner_readers(sigmoid).size() != 1) continue;
      group.epilogue.activation = Activation::silu;
      take(group, readers[i], value);
      take(group, readers[1 - i], product.outputs[0]);
      return true;
    }
    return false;
  }

  bool take_activation(Group& group, size_t index) {
    const Node& node = graph_.nodes[index];
    if (!canonical_domain(node.domain).empty() || facts_[at(node.outputs[0])].type.dtype != DType::f32) return false;
    const Schema* schema = find_schema("", node.op_type, program_.opsets->at(""));
    if (schema == nullptr) return false;
    const NodeView view(node, *schema, *program_.opsets);
    Epilogue& e = group.epilogue;
    const std::string& op = node.op_type;
    if (op == "Relu") {
      e.activation = Activation::relu;
    } else if (op == "LeakyRelu") {
      e.activation = Activation::leaky_relu, e.alpha = view.attr_float("alpha");
    } else if (op == "Clip" && schema->since >= 11) {
      const auto bound = [&](size_t input, float otherwise) -> std::optional<float> {
        if (node.inputs.size() <= input || node.inputs[input] == no_value) return otherwise;
        return scalar(node.inputs[input]);
      };
      const auto low = bound(1, std::numeric_limits<float>::lowest()),
                 high = bound(2, std::numeric_limits<float>::max());
      if (!low || !high || *low > *high) return false;
      e.activation = Activation::clip, e.alpha = *low, e.beta = *high;
    } else if (op == "HardSwish") {
      e.activation = Activation::hard_swish;
    } else if (op == "HardSigmoid") {
      e.activation = Activation::hard_sigmoid, e.alpha = view.attr_float("alpha"), e.beta = view.attr_float("beta");
    } else if (op == "Swish" && view.attr_float("alpha") == 1) {
      e.activation = Activation::silu;
    } else if (op == "Mish") {
      e.activation = Activation::mish;
    } else if (op == "Gelu") {
      e.activation = view.attr_string("approximate") == "tanh" ? Activation::gelu_tanh : Activation::gelu_erf;
    } else if (op == "Sigmoid") {
      e.activation = Activation::sigmoid;
    } else if (op == "Tanh") {
      e.activation = Activation::tanh;
    } else {
      return false;
    }
    take(group, index, node.outputs[0]);
    return true;
  }

  const Program& program_;
  const Graph& graph_;
  const Facts& facts_;
  const Facts& sure_;  ///< whose constants hold for any input shapes
  std::vector<bool> taken_;
  std::vector<std::vector<size_t>> readers_;
  std::vector<bool> is_kept_;
  std::vector<size_t> order_;  ///< of the nodes, in the program
};

}  // namespace

std::vector<Group> fuse(const Program& program, const BuildFacts& facts) { return Fuser(program, facts).fuse(); }

}  // namespace kiln
