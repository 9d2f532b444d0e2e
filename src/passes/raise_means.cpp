#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

std::optional<Patch> match_mean(GraphView& view, size_t index) {
  const Node& pool = view.graph().nodes[index];
  const Node* const conv = view.producer_if(pool.inputs[0], "Conv");
  if (conv == nullptr || !is_pointwise(view, *conv)) return {};
  const Shape& weights = mapped_tensor(view, conv->inputs[1]).shape();
  const bool is_smaller = weights[1] * int_attribute(*conv, "group", 1) <= weights[0];
  if (!is_smaller && !view.has_single_reader(pool.inputs[0])) return {};
  Patch patch{.what = "take the mean before " + conv->describe(view.index_of(*conv)), .remove = {index}};
  const ValueId mean = view.new_value(view.graph().name_of(conv->inputs[0]) + "_mean");
  patch.add.push_back(make_node("GlobalAveragePool", {conv->inputs[0]}, mean, pool));
  Node product = *conv;
  product.name = pool.name;
  product.inputs[0] = mean, product.outputs[0] = pool.outputs[0];
  patch.add.push_back(std::move(product));
  return patch;
}

}  // namespace

/// The mean of what a pointwise Conv makes is that Conv of the mean: the larger tensor need not be waited for.
std::vector<Patch> find_late_means(GraphView& view) {
  std::vector<Patch> patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !is_op(node, "GlobalAveragePool") || !has_input(node, 0)) continue;
    if (auto patch = match_mean(view, i)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
