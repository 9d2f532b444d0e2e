#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_layer_norm = 17, first_with_rms_norm = 23, first_with_axes_input = 18;

/// The first of the last axes that a ReduceMean with keepdims averages over; nothing for other axes.
std::optional<int64_t> first_axis(const GraphView& view, const Node& mean) {
  const SymShape* shape = shape_of(view, mean.inputs[0]);
  if (!shape || int_attribute(mean, "keepdims", 1) == 0) return {};
  const auto rank = static_cast<int64_t>(shape->size());
  std::optional<std::vector<int64_t>> axes = ints_attribute(mean, "axes");
  if (opset_of(view) >= first_with_axes_input) {
    axes = has_input(mean, 1) ? known_ints(view, mean.inputs[1]) : std::nullopt;
  }
  if (axes) axes = normal_axes(*axes, rank);
  if (!axes || axes->empty()) return {};
  const int64_t first = rank - static_cast<int64_t>(axes->size());
  for (int64_t axis : *axes) {
    if (axis < first) return {};
  }
  return first;
}

/// The value whose square `id` is, written as Pow or Mul.
std::optional<ValueId> squared(Pattern& pattern, ValueId id) {
  if (const Node* mul = pattern.take(id, "Mul")) {
    if (mul->inputs.size() == 2 && mul->inputs[0] == mul->inputs[1]) return mul->inputs[0];
    return {};
  }
  const Node* pow = pattern.take(id, "Pow");
  if (!pow || pow->inputs.size() != 2) return {};
  const auto whole = known_ints(pattern.view(), pow->inputs[1]);
  const bool by_two = is_scalar(pattern.view(), pow->inputs[1], 2.0) || (whole && *whole == std::vector<int64_t>{2});
  return by_two ? std::optional(pow->inputs[0]) : std::nullopt;
}

/// numerator / sqrt(mean(squares of `squares`) + epsilon)
struct Scaled {
  ValueId numerator = no_value, squares = no_value;
  double epsilon = 0;
  int64_t axis = 0;
};

/// `id` as the sum under the root of a deviation.
bool match_variance(Pattern& pattern, ValueId id, Scaled& scaled) {
  const Node* sum = pattern.take(id, "Add");
  if (!sum || sum->inputs.size() != 2) return false;
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const auto epsilon = scalar_of(pattern.view(), sum->inputs[k]);
    if (!epsilon) continue;
    const Node* mean = pattern.take(sum->inputs[1 - k], "ReduceMean");
    const auto axis = mean ? first_axis(pattern.view(), *mean) : std::nullopt;
    const auto square = axis ? squared(pattern, mean->inputs[0]) : std::nullopt;
    if (!square) return false;
    scaled.squares = *square;
    scaled.epsilon = *epsilon;
    scaled.axis = *axis;
    return true;
  }
  return false;
}

bool match_root(Pattern& pattern, ValueId id, Scaled& scaled) {
  const Node* root = pattern.take(id, "Sqrt");
  return root && match_variance(pattern, root->inputs[0], scaled);
}

/// `id` as one over the deviation.
bool match_inverse(Pattern& pattern, ValueId id, Scaled& scaled) {
  const GraphView& view = pattern.view();
  if (view.producer_if(id, "Reciprocal")) {
    const Node* reciprocal = pattern.take(id, "Reciprocal");
    return reciprocal && match_root(pattern, reciprocal->inputs[0], scaled);
  }
  const Node* div = view.producer_if(id, "Div");
  if (!div || !is_scalar(view, div->inputs[0], 1.0) || !pattern.take(id, "Div")) return false;
  return match_root(pattern, div->inputs[1], scaled);
}

std::optional<Scaled> match_scaled(Pattern& pattern) {
  const Node& node = pattern.root();
  Scaled scaled;
  if (node.inputs.size() != 2) return {};
  if (node.op_type == "Div") {
    scaled.numerator = node.inputs[0];
    return match_root(pattern, node.inputs[1], scaled) ? std::optional(scaled) : std::nullopt;
  }
  if (node.op_type != "Mul") return {};
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const Node* producer = pattern.view().producer(node.inputs[1 - k]);
    if (!producer || (producer->op_type != "Reciprocal" && producer->op_type != "Div")) continue;
    scaled.numerator = node.inputs[k];
    if (match_inverse(pattern, node.inputs[1 - k], scaled)) return scaled;
    return {};
  }
  return {};
}

/// x where the numerator is x - mean(x) over the same axes, read here and for the squares only.
std::optional<ValueId> match_centred(Pattern& pattern, const Scaled& scaled) {
  if (scaled.squares != scaled.numerator) return {};
  const Node* sub = pattern.take_shared(scaled.numerator, "Sub");
  if (!sub || sub->inputs.size() != 2) return {};
  const Node* mean = pattern.take(sub->inputs[1], "ReduceMean");
  if (!mean || mean->inputs[0] != sub->inputs[0] || first_axis(pattern.view(), *mean) != scaled.axis) return {};
  return sub->inputs[0];
}

struct Parameter {
  const Node* node = nullptr;  ///< null where there is none
  ValueId constant = no_value;
};

/// The only reader of `id` if it is `op` with an f32 constant that has just the normalised dims.
Parameter parameter_behind(const GraphView& view, ValueId id, std::string_view op, const Shape& dims) {
  const Node* node = view.single_reader_if(id, op);
  if (!node || !is_plain(*node) || node->inputs.size() != 2) return {};
  const ValueId constant = node->inputs[node->inputs[0] == id ? 1 : 0];
  const Tensor tensor = known_tensor(view, constant);
  if (tensor.dtype() != DType::f32 || tensor.shape() != dims) return {};
  return {node, constant};
}

/// The normalised dims as numbers; empty where they are not known.
Shape normal_dims(const GraphView& view, ValueId x, int64_t axis) {
  Shape dims;
  const SymShape& shape = *shape_of(view, x);
  for (size_t i = static_cast<size_t>(axis); i < shape.size(); ++i) {
    if (!shape[i].is_known()) return {};
    dims.push_back(shape[i].value());
  }
  return dims;
}

std::optional<Patch> match_norm(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  const auto scaled = match_scaled(pattern);
  if (!scaled || !is_f32_tensor(view, scaled->numerator) || scaled->epsilon < 0) return {};
  const bool is_rms = opset_of(view) >= first_with_rms_norm && scaled->numerator == scaled->squares &&
                      !view.producer_if(scaled->numerator, "Sub");
  const auto x = is_rms ? scaled->numerator : match_centred(pattern, *scaled);
  if (!x || !is_f32_tensor(view, *x)) return {};
  const Shape dims = normal_dims(view, *x, scaled->axis);
  if (dims.empty()) return {};

  const Node& root = pattern.root();
  const Parameter scale = parameter_behind(view, root.outputs[0], "Mul", dims);
  Parameter shift;
  if (scale.node && !is_rms) shift = parameter_behind(view, scale.node->outputs[0], "Add", dims);
  const Node& last = shift.node ? *shift.node : scale.node ? *scale.node : root;
  const ValueId output = last.outputs[0];
  Node norm = make_node(is_rms ? "RMSNormalization" : "LayerNormalization", {*x}, output, root);
  norm.attributes = {int_value("axis", scaled->axis), float_value("epsilon", static_cast<float>(scaled->epsilon))};
  std::optional<Patch> patch = pattern.replace_by(norm, norm.op_type);
  if (!patch) return {};
  if (scale.node) {
    norm.inputs.push_back(scale.constant);
    patch->remove.push_back(view.index_of(*scale.node));
  } else {
    Tensor ones(DType::f32, dims);
    for (float& one : ones.mutable_elements<float>()) one = 1;
    norm.inputs.push_back(view.new_value(view.graph().name_of(output) + "_scale"));
    patch->constants.push_back({norm.inputs.back(), std::move(ones)});
  }
  if (shift.node) {
    norm.inputs.push_back(shift.constant);
    patch->remove.push_back(view.index_of(*shift.node));
  }
  patch->add = {std::move(norm)};
  return patch;
}

}  // namespace

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + shift over the last axes is a LayerNormalization,
/// and without the mean an RMSNormalization, where the model's opset has them.
std::vector<Patch> find_norms(GraphView& view) {
  if (opset_of(view) < first_with_layer_norm) return {};
  return find_patterns(view, [&](size_t index) { return match_norm(view, index); });
}

}  // namespace kiln::passes
