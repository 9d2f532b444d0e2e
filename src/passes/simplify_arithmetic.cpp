#include <cmath>

#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

/// The exponent of a Pow of f32, where it is one number.
std::optional<double> exponent_of(const GraphView& view, const Node& pow) {
  const Tensor tensor = known_tensor(view, pow.inputs[1]);
  if (!tensor.defined() || tensor.size() != 1 || tensor.rank() > 1) return {};
  if (const auto number = scalar_of(view, pow.inputs[1])) return number;
  const auto whole = known_ints(view, pow.inputs[1]);
  return whole ? std::optional(static_cast<double>(whole->front())) : std::nullopt;
}

std::optional<Patch> match_pow(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const auto exponent = exponent_of(view, node);
  if (!exponent || !is_f32_tensor(view, x)) return {};
  Patch patch{.what = "write " + node.describe(index) + " in simpler operators", .remove = {index}};
  if (*exponent == 2) {
    patch.add.push_back(make_node("Mul", {x, x}, y, node));
  } else if (*exponent == 3) {
    const ValueId square = view.new_value(view.graph().name_of(y) + "_square");
    patch.add.push_back(make_node("Mul", {x, x}, square, node));
    patch.add.push_back(make_node("Mul", {square, x}, y, node));
  } else if (*exponent == 0.5) {
    patch.add.push_back(make_node("Sqrt", {x}, y, node));
  } else if (*exponent == -1) {
    patch.add.push_back(make_node("Reciprocal", {x}, y, node));
  } else {
    return {};
  }
  return patch;
}

bool has_exact_reciprocal(double value) {
  int exponent = 0;
  return std::abs(std::frexp(value, &exponent)) == 0.5 && exponent > -100 && exponent < 100;
}

std::optional<Patch> match_div(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const auto divisors = view.constant(node.inputs[1]) ? known_floats(view, node.inputs[1]) : std::nullopt;
  if (!divisors || divisors->empty() || divisors->size() > 4096) return {};
  for (const double divisor : *divisors) {
    if (!has_exact_reciprocal(divisor)) return {};
  }
  Tensor factors(DType::f32, view.constant(node.inputs[1])->shape());
  for (size_t i = 0; i < divisors->size(); ++i) {
    factors.mutable_data<float>()[i] = static_cast<float>(1 / (*divisors)[i]);
  }
  Patch patch{.what = "multiply where " + node.describe(index) + " divides by powers of two", .remove = {index}};
  const ValueId factor = view.new_value(view.graph().name_of(node.outputs[0]) + "_factor");
  patch.constants.push_back({factor, std::move(factors)});
  patch.add.push_back(make_node("Mul", {node.inputs[0], factor}, node.outputs[0], node));
  return patch;
}

}  // namespace

/// Pow by a few small numbers, and division where multiplication gives the very same.
std::vector<Patch> find_costly_arithmetic(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 7) return patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || node.inputs.size() != 2 || !has_input(node, 0) || !has_input(node, 1)) continue;
    std::optional<Patch> patch;
    if (is_op(node, "Pow")) patch = match_pow(view, i);
    if (is_op(node, "Div")) patch = match_div(view, i);
    if (patch) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
