#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

/// clip(a x + b, 0, m) / m, the factors in any place.
std::optional<Patch> match_hard_sigmoid(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  double outer = 1;
  const Node* clip = &pattern.root();
  if (clip->op_type != "Clip") {
    const auto product = root_product(pattern);
    if (!product || product->factors.size() != 1) return {};
    outer = product->constant;
    clip = pattern.take(product->factors[0], "Clip");
  }
  if (!clip || !has_input(*clip, 1) || !has_input(*clip, 2)) return {};
  const auto low = scalar_of(view, clip->inputs[1]), high = scalar_of(view, clip->inputs[2]);
  if (!low || !high || *low != 0 || *high <= 0 || !is_near(*high * outer, 1)) return {};
  const Node* sum = pattern.take(clip->inputs[0], "Add");
  if (!sum) return {};
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const auto offset = scalar_of(view, sum->inputs[k]);
    if (!offset) continue;
    const Product line = take_product(pattern, sum->inputs[1 - k]);
    if (line.factors.size() != 1 || line.constant <= 0 || !is_f32_tensor(view, line.factors[0])) return {};
    Node gate = make_node("HardSigmoid", {line.factors[0]}, pattern.root().outputs[0], pattern.root());
    gate.attributes = {float_value("alpha", static_cast<float>(line.constant * outer)),
                       float_value("beta", static_cast<float>(*offset * outer))};
    return pattern.replace_by(std::move(gate), "HardSigmoid");
  }
  return {};
}

/// max(x, a x) with 0 < a < 1
std::optional<Patch> match_leaky(GraphView& view, size_t index) {
  for (const size_t k : {size_t{0}, size_t{1}}) {
    Pattern pattern(view, index);
    const Node& root = pattern.root();
    if (root.inputs.size() != 2 || !is_f32_tensor(view, root.inputs[k])) return {};
    const Product product = take_product(pattern, root.inputs[1 - k]);
    if (product.factors != std::vector<ValueId>{root.inputs[k]} || product.constant <= 0 || product.constant >= 1) {
      continue;
    }
    Node leaky = make_node("LeakyRelu", {root.inputs[k]}, root.outputs[0], root);
    leaky.attributes.push_back(float_value("alpha", static_cast<float>(product.constant)));
    return pattern.replace_by(std::move(leaky), "LeakyRelu");
  }
  return {};
}

/// By what a negative x is multiplied to give `id`, which is 0 for all others: relu(-x) or x - |x|. 0 for anything
/// else.
double negative_part(Pattern& pattern, ValueId id, ValueId x) {
  if (const Node* relu = pattern.take(id, "Relu")) {
    const Node* turned = pattern.take(relu->inputs[0], "Neg");
    return turned && turned->inputs[0] == x ? -1 : 0;
  }
  const Node* sub = pattern.take(id, "Sub");
  const Node* abs = sub && sub->inputs[0] == x ? pattern.take(sub->inputs[1], "Abs") : nullptr;
  return abs && abs->inputs[0] == x ? 2 : 0;
}

/// relu(x) + slope * (what is left of a negative x)
std::optional<Patch> match_prelu(GraphView& view, size_t index) {
  for (const size_t k : {size_t{0}, size_t{1}}) {
    Pattern pattern(view, index);
    const Node& root = pattern.root();
    const bool subtracts = root.op_type == "Sub";
    if (root.inputs.size() != 2 || (subtracts && k == 1)) return {};
    const Node* relu = pattern.take(root.inputs[k], "Relu");
    const ValueId x = relu ? relu->inputs[0] : no_value;
    if (!relu || !is_f32_tensor(view, x) || !same_shape(view, x, root.outputs[0])) continue;
    const Product product = take_product(pattern, root.inputs[1 - k]);
    if (product.factors.empty() || product.factors.size() > 2) continue;
    for (size_t part = 0; part < product.factors.size(); ++part) {
      Pattern attempt = pattern;
      double slope = negative_part(attempt, product.factors[part], x) * product.constant * (subtracts ? -1 : 1);
      if (slope == 0) continue;
      if (product.factors.size() == 1) {
        Node leaky = make_node("LeakyRelu", {x}, root.outputs[0], root);
        leaky.attributes.push_back(float_value("alpha", static_cast<float>(slope)));
        return attempt.replace_by(std::move(leaky), "LeakyRelu");
      }
      const ValueId factors = product.factors[1 - part];
      const auto numbers = view.constant(factors) ? known_floats(view, factors) : std::nullopt;
      if (!numbers) continue;
      Tensor slopes(DType::f32, view.constant(factors)->shape());
      for (size_t i = 0; i < numbers->size(); ++i) {
        slopes.mutable_data<float>()[i] = static_cast<float>((*numbers)[i] * slope);
      }
      Node prelu = make_node("PRelu", {x}, root.outputs[0], root);
      auto patch = attempt.replace_by(prelu, "PRelu");
      if (!patch) return {};
      patch->add[0].inputs.push_back(view.new_value(view.graph().name_of(root.outputs[0]) + "_slope"));
      patch->constants.push_back({patch->add[0].inputs[1], std::move(slopes)});
      return patch;
    }
  }
  return {};
}

/// A PRelu whose slope is one number.
std::optional<Patch> match_single_slope(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  if (!has_input(node, 0) || !has_input(node, 1) || !is_f32_tensor(view, node.inputs[0])) return {};
  const auto slope = known_float(view, node.inputs[1]);
  if (!slope || mapped_tensor(view, node.inputs[1]).rank() > std::ssize(*shape_of(view, node.inputs[0]))) return {};
  Node leaky = make_node("LeakyRelu", {node.inputs[0]}, node.outputs[0], node);
  leaky.attributes.push_back(float_value("alpha", static_cast<float>(*slope)));
  return Pattern(view, index).replace_by(std::move(leaky), "LeakyRelu");
}

}  // namespace

/// HardSigmoid, LeakyRelu and PRelu written out in other operators, and LeakyRelu written as PRelu.
std::vector<Patch> find_rectifiers(GraphView& view) {
  if (opset_of(view) < 16) return {};
  return find_patterns(view, [&](size_t index) -> std::optional<Patch> {
    const std::string& op = view.graph().nodes[index].op_type;
    if (op == "Max") return match_leaky(view, index);
    if (op == "Add" || op == "Sub") return match_prelu(view, index);
    if (op == "PRelu") return match_single_slope(view, index);
    if (op == "Clip" || op == "Mul" || op == "Div") return match_hard_sigmoid(view, index);
    return {};
  });
}

}  // namespace kiln::passes
