#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

bool are_all(const std::vector<int64_t>& numbers, int64_t wanted) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) { return number == wanted; });
}

/// A Conv that computes each pixel of its output from the same pixel of its input, of f32 with known weights.
bool is_pointwise(const GraphView& view, const Node& conv) {
  if (!is_plain(conv) || !is_f32_tensor(view, conv.inputs[0]) || !has_input(conv, 1)) return false;
  const Tensor& weights = mapped_tensor(view, conv.inputs[1]);
  if (!weights.defined() || weights.dtype() != DType::f32 || weights.rank() < 3) return false;
  const Shape& shape = weights.shape();
  const int64_t group = int_attribute(conv, "group", 1);
  if (group < 1 || group > shape[0]) return false;
  // Auto-padding, too, adds nothing to such windows.
  return std::all_of(shape.begin() + 2, shape.end(), [](int64_t size) { return size == 1; }) &&
         are_all(ints_attribute(conv, "strides"), 1) && are_all(ints_attribute(conv, "pads"), 0);
}

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
