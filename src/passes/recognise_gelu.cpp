#include <cmath>
#include <numbers>

#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_gelu = 20;
/// Models write the constants with as few as five digits.
constexpr double tolerance = 1e-4;

bool is_roughly(double found, double expected) { return std::abs(found - expected) <= tolerance * std::abs(expected); }

/// Whether `id` is x / sqrt(2).
bool is_erf_argument(Pattern& pattern, ValueId id, ValueId x) {
  const Product product = take_product(pattern, id);
  return product.factors == std::vector<ValueId>{x} && is_roughly(product.constant, 1 / std::numbers::sqrt2);
}

/// Whether `id` is 0.044715 times x to the power of `power`.
bool is_small_power(Pattern& pattern, ValueId id, ValueId x, size_t power) {
  const Product product = take_product(pattern, id);
  if (!is_roughly(product.constant, 0.044715)) return false;
  if (product.factors == std::vector<ValueId>(power, x)) return true;
  if (product.factors.size() != 1) return false;
  return pattern.take_with_constant(product.factors[0], "Pow", static_cast<double>(power)) == x;
}

/// Whether `id` is sqrt(2 / pi) * (x + 0.044715 x^3), or sqrt(2 / pi) * x * (1 + 0.044715 x^2).
bool is_tanh_argument(Pattern& pattern, ValueId id, ValueId x) {
  Product product = take_product(pattern, id);
  if (!is_roughly(product.constant, std::sqrt(2 / std::numbers::pi))) return false;
  const bool is_factored = product.factors.size() == 2;
  if (product.factors.empty() || product.factors.size() > 2) return false;
  const ValueId sum = product.factors[is_factored && product.factors[0] == x ? 1 : 0];
  if (is_factored && product.factors[0] != x && product.factors[1] != x) return false;
  const Node* add = pattern.take(sum, "Add");
  if (!add) return false;
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const ValueId first = add->inputs[k], second = add->inputs[1 - k];
    if (is_factored ? is_scalar(pattern.view(), first, 1.0) : first == x) {
      return is_small_power(pattern, second, x, is_factored ? 2 : 3);
    }
  }
  return false;
}

std::optional<Patch> match_gelu(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  const auto product = root_product(pattern);
  if (!product || product->factors.size() != 2 || !is_roughly(product->constant, 0.5)) return {};
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const ValueId x = product->factors[k];
    const Node* sum = view.producer_if(product->factors[1 - k], "Add");
    if (!sum || !is_f32_tensor(view, x)) continue;
    const auto inner = pattern.take_with_constant(product->factors[1 - k], "Add", 1.0);
    if (!inner) continue;
    const Node* erf = pattern.take(*inner, "Erf");
    const Node* tanh = erf ? nullptr : pattern.take(*inner, "Tanh");
    const bool found = erf    ? is_erf_argument(pattern, erf->inputs[0], x)
                       : tanh ? is_tanh_argument(pattern, tanh->inputs[0], x)
                              : false;
    if (!found) return {};
    Node gelu = make_node("Gelu", {x}, pattern.root().outputs[0], pattern.root());
    if (tanh) {
      Attribute& approximate = gelu.attributes.emplace_back();
      approximate.name = "approximate";
      approximate.type = AttributeType::string;
      approximate.data = std::string("tanh");
    }
    return pattern.replace_by(std::move(gelu), tanh ? "Gelu by tanh" : "Gelu");
  }
  return {};
}

}  // namespace

/// x / 2 * (1 + erf(x / sqrt(2))), and the form with tanh that comes near it, in every order of their factors.
std::vector<Patch> find_gelus(GraphView& view) {
  if (opset_of(view) < first_with_gelu) return {};
  return find_patterns(view, [&](size_t index) { return match_gelu(view, index); });
}

}  // namespace kiln::passes
