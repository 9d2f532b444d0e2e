#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_axes_input = 18;

std::optional<Patch> match_pool(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const SymShape* shape = shape_of(view, node.inputs[0]);
  if (!shape || shape->size() < 4 || !is_f32_tensor(view, node.inputs[0]) || !has_input(node, 1)) return {};
  const auto rank = static_cast<int64_t>(shape->size());
  auto axes = known_ints(view, node.inputs[1]);
  if (axes) axes = normal_axes(*axes, rank);
  if (!axes || static_cast<int64_t>(axes->size()) != rank - 2) return {};
  std::sort(axes->begin(), axes->end());
  if (axes->front() != 2) return {};
  Patch patch{.what = "see GlobalAveragePool in " + node.describe(index), .remove = {index}};
  const ValueId y = node.outputs[0];
  if (int_attribute(node, "keepdims", 1) != 0) {
    patch.add.push_back(make_node("GlobalAveragePool", {node.inputs[0]}, y, node));
    return patch;
  }
  const std::string name = view.graph().name_of(y);
  const ValueId pooled = view.new_value(name + "_pooled"), squeezed = view.new_value(name + "_axes");
  patch.constants.push_back({squeezed, Tensor::vector(*axes)});
  patch.add.push_back(make_node("GlobalAveragePool", {node.inputs[0]}, pooled, node));
  patch.add.push_back(make_node("Squeeze", {pooled, squeezed}, y, node));
  return patch;
}

}  // namespace

/// The mean over all spatial axes of at least two is a GlobalAveragePool.
std::vector<Patch> find_global_pools(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_with_axes_input) return patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !is_op(node, "ReduceMean") || !has_input(node, 0)) continue;
    if (auto patch = match_pool(view, i)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
