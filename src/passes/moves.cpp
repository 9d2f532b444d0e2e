#include "passes/moves.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

#include "passes/match.hpp"

namespace kiln::passes {

bool is_reshape(const Node& node) {
  return is_op(node, "Reshape") || is_op(node, "Flatten") || is_op(node, "Squeeze") || is_op(node, "Unsqueeze");
}

bool is_unary(const Node& node) {
  static constexpr std::array<std::string_view, 25> names{
      "Abs",       "Ceil",      "Clip",     "Elu",      "Erf",  "Exp",        "Floor", "Gelu",  "HardSigmoid",
      "HardSwish", "LeakyRelu", "Log",      "Mish",     "Neg",  "Reciprocal", "Relu",  "Round", "Selu",
      "Sigmoid",   "Sign",      "Softplus", "Softsign", "Sqrt", "Swish",      "Tanh"};
  return node.domain.empty() && std::find(names.begin(), names.end(), node.op_type) != names.end();
}

std::optional<std::vector<int64_t>> permutation_of(const GraphView& view, const Node& node) {
  std::vector<int64_t> perm = ints_attribute(node, "perm");
  if (perm.empty()) {
    const SymShape* shape = shape_of(view, node.inputs[0]);
    if (!shape) return {};
    perm.resize(shape->size());
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  return normal_axes(perm, static_cast<int64_t>(perm.size()));
}

bool keeps_order(const SymShape& shape, const std::vector<int64_t>& perm) {
  int64_t last = -1;
  for (int64_t axis : perm) {
    if (shape[static_cast<size_t>(axis)] == Dim(1)) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

bool same_but_ones(const SymShape& a, const SymShape& b) {
  size_t i = 0, j = 0;
  while (true) {
    while (i < a.size() && a[i] == Dim(1)) ++i;
    while (j < b.size() && b[j] == Dim(1)) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (!(a[i++] == b[j++])) return false;
  }
}

}  // namespace kiln::passes
