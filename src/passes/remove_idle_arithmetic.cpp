#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::passes {
namespace {

bool all_elements_are(const Tensor& tensor, int wanted) {
  const auto check = [&]<class T> {
    const auto elements = tensor.elements<T>();
    return std::all_of(elements.begin(), elements.end(), [&](T element) { return element == static_cast<T>(wanted); });
  };
  switch (tensor.dtype()) {
    case DType::f32: return check.operator()<float>();
    case DType::f64: return check.operator()<double>();
    case DType::i32: return check.operator()<int32_t>();
    case DType::i64: return check.operator()<int64_t>();
    default: return false;
  }
}

/// The input that the node gives on unchanged because of what the other one is; nothing where there is none.
ValueId passed_on(const GraphView& view, const Node& node) {
  const bool turns = node.op_type == "Add" || node.op_type == "Mul";
  const bool of_zero = node.op_type == "Add" || node.op_type == "Sub";
  const bool of_one = node.op_type == "Mul" || node.op_type == "Div" || node.op_type == "Pow";
  if ((!of_zero && !of_one) || node.inputs.size() != 2) return no_value;
  for (const size_t neutral : {size_t{1}, size_t{0}}) {
    if (neutral == 0 && !turns) break;
    const ValueId kept = node.inputs[1 - neutral];
    if (kept == no_value || !same_shape(view, kept, node.outputs[0])) continue;
    if (dtype_of_value(view, kept) == DType::undefined) continue;
    const Tensor constant = known_tensor(view, node.inputs[neutral]);
    if (constant.defined() && constant.size() > 0 && all_elements_are(constant, of_zero ? 0 : 1)) return kept;
  }
  return no_value;
}

}  // namespace

/// x + 0, x - 0, x * 1, x / 1 and x to the power of 1 are x, where the constant does not widen the shape.
std::vector<Patch> find_idle_arithmetic(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!is_plain(node)) continue;
    const ValueId from = passed_on(view, node);
    if (from == no_value || !view.can_replace(node.outputs[0], from)) continue;
    patches.push_back({.what = "remove " + node.describe(i), .remove = {i}, .replace = {{node.outputs[0], from}}});
  }
  return patches;
}

}  // namespace kiln::passes
