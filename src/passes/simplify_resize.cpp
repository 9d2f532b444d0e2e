#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_either = 13;

/// Factors that say what known sizes say: whole numbers, so that no rounding comes in. Nothing elsewhere.
std::optional<std::vector<float>> whole_factors(const GraphView& view, const Node& node) {
  if (!has_input(node, 3) || has_input(node, 2) || node.find_attribute("axes")) return {};
  if (string_attribute(node, "keep_aspect_ratio_policy", "stretch") != "stretch") return {};
  const auto sizes = known_ints(view, node.inputs[3]);
  const SymShape* shape = shape_of(view, node.inputs[0]);
  if (!sizes || !shape || sizes->size() != shape->size()) return {};
  std::vector<float> factors;
  for (size_t i = 0; i < sizes->size(); ++i) {
    const Dim& dim = (*shape)[i];
    if (!dim.is_known() || dim.value() < 1 || (*sizes)[i] < 1 || (*sizes)[i] % dim.value() != 0) return {};
    factors.push_back(static_cast<float>((*sizes)[i] / dim.value()));
  }
  return factors;
}

}  // namespace

/// A Resize to known sizes that are multiples of its input's says the factors, and one that crops nothing has no
/// region.
std::vector<Patch> find_resizes(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_with_either) return patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !is_op(node, "Resize") || !has_input(node, 0)) continue;
    const bool crops = string_attribute(node, "coordinate_transformation_mode", "") == "tf_crop_and_resize";
    if (crops) continue;
    const auto factors = whole_factors(view, node);
    if (!factors && !has_input(node, 1)) continue;
    Patch patch{.what = "simplify the inputs of " + node.describe(i), .remove = {i}};
    Node simple = node;
    simple.inputs[1] = no_value;
    if (factors) {
      const ValueId scales = view.new_value(view.graph().name_of(node.outputs[0]) + "_factors");
      patch.constants.push_back({scales, Tensor::vector(*factors)});
      simple.inputs = {node.inputs[0], no_value, scales};
    }
    patch.add.push_back(std::move(simple));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
