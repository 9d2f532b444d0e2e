#include "builder/fuse.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include "base/cpu.hpp"
#include "builder/sequels.hpp"
#include "graph/captures.hpp"
#include "kernels/conv/depthwise.hpp"
#include "tactics/elementwise_program.hpp"

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
        makers_(graph_.values.size(), -1),
        is_kept_(graph_.values.size(), false),
        order_(graph_.nodes.size()) {
    for (const Step& step : program.steps) {
      for (ValueId id : values_read(graph_, *step.node)) readers_[at(id)].push_back(step.node_index);
      for (ValueId id : step.node->outputs) {
        if (id != no_value) makers_[at(id)] = static_cast<int>(step.node_index);
      }
      order_[step.node_index] = static_cast<size_t>(&step - program.steps.data());
    }
    for (ValueId id : graph_.outputs) {
      if (id != no_value) is_kept_[at(id)] = true;
    }
  }

  std::vector<Group> fuse() {
    std::vector<Group> groups, sequels = find_sequels(program_, facts_);
    for (const Group& sequel : sequels) {
      for (size_t index : sequel.nodes) taken_[index] = true;
    }
    for (const Step& step : program_.steps) {
      if (taken_[step.node_index] || !is_linear(*step.node)) continue;
      taken_[step.node_index] = true;
      groups.push_back(linear_group(step.node_index));
    }
    for (size_t i = program_.steps.size(); i-- > 0;) {
      const Step& step = program_.steps[i];
      if (taken_[step.node_index]) continue;
      taken_[step.node_index] = true;
      groups.push_back(is_elementwise(*step.node) ? chain_group(step.node_index) : single(step.node_index));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [&](const Group& a, const Group& b) { return order_[last(a)] < order_[last(b)]; });
    std::move(sequels.begin(), sequels.end(), std::back_inserter(groups));
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
    if (is_onnx(graph_.nodes[index], "MatMul")) take_transpose(group);
    while (extend(group)) {
    }
    take_mean(group);
    return group;
  }

  /// The mean of each channel of a depthwise convolution, which is made beside its outputs.
  void take_mean(Group& group) {
    const Node& conv = graph_.nodes[group.nodes[0]];
    const ValueId value = group.outputs[0];
    const Tensor* weights = is_onnx(conv, "Conv") ? constant(conv.inputs[1]) : nullptr;
    const auto& shape = facts_[at(value)].type.shape;
    if (weights == nullptr || !shape || (shape->size() != 3 && shape->size() != 4)) return;
    const Attribute* attribute = conv.find_attribute("group");
    const int64_t* groups = attribute ? std::get_if<int64_t>(&attribute->data) : nullptr;
    const bool depthwise = groups != nullptr && *groups > 1 && weights->rank() == std::ssize(*shape) &&
                           weights->dim(0) == *groups && weights->dim(1) == 1;
    if (!depthwise || group.residual >= 0 || !DepthwiseConv::can_have_mean(group.epilogue)) return;
    for (const size_t reader : readers_[at(value)]) {
      const Node& pool = graph_.nodes[reader];
      // Readers before it would come before the group.
      const bool first = std::all_of(readers_[at(value)].begin(), readers_[at(value)].end(),
                                     [&](size_t other) { return order_[reader] <= order_[other]; });
      if (taken_[reader] || !first || !is_onnx(pool, "GlobalAveragePool")) continue;
      taken_[reader] = true;
      group.nodes.push_back(reader);
      group.outputs.push_back(pool.outputs[0]);
      return;
    }
  }

  /// The constant matrix of a MatMul, read as it lies and not as a Transpose gives it.
  void take_transpose(Group& group) {
    if (group.inputs[1] == no_value) return;
    const int maker = makers_[at(group.inputs[1])];
    if (maker < 0 || constant(group.inputs[1]) != nullptr) return;
    const Node& turn = graph_.nodes[static_cast<size_t>(maker)];
    const Tensor* matrix = is_onnx(turn, "Transpose") ? constant(turn.inputs[0]) : nullptr;
    const Attribute* perm = turn.find_attribute("perm");
    const auto* axes = perm ? std::get_if<std::vector<int64_t>>(&perm->data) : nullptr;
    if (matrix == nullptr || matrix->rank() != 2 || (axes && *axes != std::vector<int64_t>{1, 0})) return;
    if (readers_[at(group.inputs[1])].size() == 1 && !is_kept_[at(group.inputs[1])]) {
      taken_[static_cast<size_t>(maker)] = true;
      group.nodes.push_back(static_cast<size_t>(maker));
    }
    group.inputs[1] = turn.inputs[0];
    group.turned = true;
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
      return take_bias(group, readers[0], other) || take_shift(group, readers[0], other) ||
             take_residual(group, readers[0], other);
    }
    if (group.epilogue.residual == Residual::after_activation) return false;
    if (is_onnx(next, "Mul")) return take_scale(group, readers[0]);
    if (group.epilogue.activation != Activation::none) return false;
    return take_activation(group, readers[0]);
  }

  /// A HardSwish is scaled and shifted by constants.
  bool take_scale(Group& group, size_t index) {
    Epilogue& e = group.epilogue;
    const Node& product = graph_.nodes[index];
    const bool plain = e.activation == Activation::hard_swish;
    const ValueId value = group.outputs[0];
    const std::optional<float> scale = scalar(product.inputs[product.inputs[0] == value ? 1 : 0]);
    if (!plain || !scale || !same_f32(value, product.outputs[0])) return false;
    e.activation = Activation::scaled_hard_swish, e.alpha = *scale, e.beta = 0;
    take(group, index, product.outputs[0]);
    return true;
  }
  bool take_shift(Group& group, size_t index, ValueId other) {
    Epilogue& e = group.epilogue;
    const std::optional<float> shift = scalar(other);
    const bool fits = e.activation == Activation::scaled_hard_swish && e.residual != Residual::after_activation;
    if (!fits || e.beta != 0 || !shift || !same_f32(group.outputs[0], graph_.nodes[index].outputs[0])) return false;
    e.beta = *shift;
    take(group, index, graph_.nodes[index].outputs[0]);
    return true;
  }

  /// A constant row behind a MatMul without one.
  bool take_bias(Group& group, size_t index, ValueId other) {
    const Tensor* row = constant(other);
    const bool first =
        group.epilogue.activation == Activation::none && group.residual < 0 && group.inputs[2] == no_value;
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

  /// A node with those that feed it and nobody else, as long as one loop can do them all.
  Group chain_group(size_t root) {
    Group group = single(root);
    if (!can_chain(group)) return group;
    for (bool grows = true; grows;) {
      grows = false;
      for (size_t i = 0; i < group.inputs.size() && !grows; ++i) {
        const ValueId id = group.inputs[i];
        const int maker = id == no_value ? -1 : makers_[at(id)];
        if (maker < 0 || !feeds_only(id, group) || !same_shape(id, group.outputs[0])) continue;
        Group larger = chain_of(group, static_cast<size_t>(maker));
        if (!can_chain(larger)) continue;
        taken_[static_cast<size_t>(maker)] = true;
        group = std::move(larger);
        grows = true;
      }
    }
    return group;
  }

  bool feeds_only(ValueId id, const Group& group) const {
    const Node& maker = graph_.nodes[static_cast<size_t>(makers_[at(id)])];
    if (taken_[static_cast<size_t>(makers_[at(id)])] || is_kept_[at(id)] || !is_elementwise(maker)) return false;
    return maker.outputs.size() == 1 &&
           std::all_of(readers_[at(id)].begin(), readers_[at(id)].end(), [&](size_t reader) {
             return std::find(group.nodes.begin(), group.nodes.end(), reader) != group.nodes.end();
           });
  }
  bool same_shape(ValueId a, ValueId b) const {
    const auto &x = facts_[at(a)].type.shape, &y = facts_[at(b)].type.shape;
    return x && y && *x == *y;
  }
  bool can_chain(const Group& group) const {
    constexpr size_t most_nodes = 32, most_operands = 16;
    if (group.nodes.size() > most_nodes || group.inputs.size() > most_operands || group.outputs.size() != 1)
      return false;
    const std::optional<Problem> problem = make_problem(program_, facts_, group, best_isa(), 1);
    return problem && elementwise_program(*problem).decline.empty();
  }

  /// The group with one node more, in front.
  Group chain_of(const Group& group, size_t index) const {
    Group larger;
    larger.nodes = group.nodes;
    larger.nodes.push_back(index);
    std::sort(larger.nodes.begin(), larger.nodes.end(), [&](size_t a, size_t b) { return order_[a] < order_[b]; });
    larger.outputs = group.outputs;
    std::vector<ValueId> made;
    for (size_t node : larger.nodes) made.push_back(graph_.nodes[node].outputs[0]);
    for (size_t node : larger.nodes) {
      for (ValueId id : graph_.nodes[node].inputs) {
        const bool inner = std::find(made.begin(), made.end(), id) != made.end();
        const bool known = std::find(larger.inputs.begin(), larger.inputs.end(), id) != larger.inputs.end();
        if (id != no_value && !inner && !known) larger.inputs.push_back(id);
      }
    }
    return larger;
  }

  const Program& program_;
  const Graph& graph_;
  const Facts& facts_;
  const Facts& sure_;  ///< whose constants hold for any input shapes
  std::vector<bool> taken_;
  std::vector<std::vector<size_t>> readers_;
  std::vector<int> makers_;  ///< the node that makes a value, or -1
  std::vector<bool> is_kept_;
  std::vector<size_t> order_;  ///< of the nodes, in the program
};

}  // namespace

std::vector<Group> fuse(const Program& program, const BuildFacts& facts) { return Fuser(program, facts).fuse(); }

}  // namespace kiln
