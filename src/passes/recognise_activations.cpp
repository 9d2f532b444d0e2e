#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_hard_swish = 14, first_with_mish = 18, first_with_swish = 24;

/// Whether `id` is Clip(x + 3, 0, 6).
bool is_shifted_clip(Pattern& pattern, ValueId id, ValueId x) {
  const Node* clip = pattern.take(id, "Clip");
  if (!clip || clip->inputs.size() != 3) return false;
  const auto low = scalar_of(pattern.view(), clip->inputs[1]), high = scalar_of(pattern.view(), clip->inputs[2]);
  if (!low || !high || *low != 0 || *high != 6) return false;
  return pattern.take_with_constant(clip->inputs[0], "Add", 3.0) == x;
}

/// Whether `id` is HardSigmoid(x) with the slope of 1/6.
bool is_hard_sigmoid(Pattern& pattern, ValueId id, ValueId x) {
  const Node* gate = pattern.take(id, "HardSigmoid");
  if (!gate || gate->inputs[0] != x) return false;
  return is_near(float_attribute(*gate, "alpha", 0.2f), 1.0 / 6) && is_near(float_attribute(*gate, "beta", 0.5f), 0.5);
}

bool is_tanh_of_softplus(Pattern& pattern, ValueId id, ValueId x) {
  const Node* tanh = pattern.take(id, "Tanh");
  const Node* softplus = tanh ? pattern.take(tanh->inputs[0], "Softplus") : nullptr;
  return softplus && softplus->inputs[0] == x;
}

/// alpha where `id` is Sigmoid(alpha * x).
std::optional<float> sigmoid_slope(Pattern& pattern, ValueId id, ValueId x) {
  const Node* sigmoid = pattern.take(id, "Sigmoid");
  if (!sigmoid) return {};
  if (sigmoid->inputs[0] == x) return 1.0f;
  const Product product = take_product(pattern, sigmoid->inputs[0]);
  if (product.factors != std::vector<ValueId>{x}) return {};
  return static_cast<float>(product.constant);
}

/// x times what makes an activation of it.
std::optional<Patch> match_gate(GraphView& view, size_t index, ValueId x, ValueId gate, double constant) {
  const int64_t opset = opset_of(view);
  const Node& root = view.graph().nodes[index];
  const auto attempt = [&](auto&& match) -> std::optional<Pattern> {
    Pattern pattern(view, index);
    root_product(pattern);
    if (!match(pattern)) return {};
    return pattern;
  };
  const auto answer = [&](const Pattern& pattern, const char* op) {
    return pattern.replace_by(make_node(op, {x}, root.outputs[0], root), op);
  };
  const auto clips = [&](Pattern& pattern) { return is_shifted_clip(pattern, gate, x); };
  const auto gates = [&](Pattern& pattern) { return is_hard_sigmoid(pattern, gate, x); };
  const auto bends = [&](Pattern& pattern) { return is_tanh_of_softplus(pattern, gate, x); };
  if (opset >= first_with_hard_swish && is_near(constant, 1.0 / 6)) {
    if (auto found = attempt(clips)) return answer(*found, "HardSwish");
  }
  if (constant != 1) return {};
  if (opset >= first_with_hard_swish) {
    if (auto found = attempt(gates)) return answer(*found, "HardSwish");
  }
  if (opset >= first_with_mish) {
    if (auto found = attempt(bends)) return answer(*found, "Mish");
  }
  if (opset < first_with_swish) return {};
  std::optional<float> slope;
  auto found = attempt([&](Pattern& p) {
    slope = sigmoid_slope(p, gate, x);
    return slope.has_value();
  });
  if (!found) return {};
  Node swish = make_node("Swish", {x}, root.outputs[0], root);
  if (*slope != 1) swish.attributes.push_back(float_value("alpha", *slope));
  return found->replace_by(std::move(swish), "Swish");
}

std::optional<Patch> match_product(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  const auto product = root_product(pattern);
  if (!product || product->factors.size() != 2) return {};
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const ValueId x = product->factors[k], gate = product->factors[1 - k];
    if (x == gate || !is_f32_tensor(view, x)) continue;
    if (auto patch = match_gate(view, index, x, gate, product->constant)) return patch;
  }
  return {};
}

/// log(1 + exp(x)); Softplus does not overflow where the exp does.
std::optional<Patch> match_softplus(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  if (pattern.root().op_type != "Log" || !is_f32_tensor(view, pattern.root().outputs[0])) return {};
  const auto inner = pattern.take_with_constant(pattern.root().inputs[0], "Add", 1.0);
  const Node* exp = inner ? pattern.take(*inner, "Exp") : nullptr;
  if (!exp || !is_f32_tensor(view, exp->inputs[0])) return {};
  return pattern.replace_by(make_node("Softplus", {exp->inputs[0]}, pattern.root().outputs[0], pattern.root()),
                            "Softplus");
}

}  // namespace

/// HardSwish, Mish, Swish and Softplus written out in other operators, where the model's opset has them.
std::vector<Patch> find_activations(GraphView& view) {
  return find_patterns(view, [&](size_t index) {
    const Node& node = view.graph().nodes[index];
    return node.op_type == "Log" ? match_softplus(view, index) : match_product(view, index);
  });
}

}  // namespace kiln::passes
