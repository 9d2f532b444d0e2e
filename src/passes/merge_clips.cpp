#include <algorithm>
#include <limits>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr int64_t first_with_inputs = 11;

struct Bounds {
  float low = -infinity, high = infinity;
};

/// What a Relu or Clip of f32 keeps its input between; nothing where that is not known, or empty.
std::optional<Bounds> bounds_of(const GraphView& view, const Node& node) {
  if (!is_plain(node) || !has_input(node, 0) || dtype_of_value(view, node.inputs[0]) != DType::f32) return {};
  if (node.op_type == "Relu") return Bounds{0, infinity};
  if (node.op_type != "Clip" || opset_of(view) < 6) return {};
  Bounds bounds;
  if (opset_of(view) < first_with_inputs) {
    bounds = {float_attribute(node, "min", -infinity), float_attribute(node, "max", infinity)};
  } else {
    const auto low = has_input(node, 1) ? known_float(view, node.inputs[1]) : bounds.low;
    const auto high = has_input(node, 2) ? known_float(view, node.inputs[2]) : bounds.high;
    if (!low || !high) return {};
    bounds = {static_cast<float>(*low), static_cast<float>(*high)};
  }
  if (!(bounds.low <= bounds.high)) return {};
  return bounds;
}

void emit_clip(GraphView& view, const Bounds& bounds, const Node& second, ValueId from, Patch& patch) {
  const ValueId to = second.outputs[0];
  if (bounds.low == 0 && bounds.high == infinity) {
    patch.add.push_back(make_node("Relu", {from}, to, second));
    return;
  }
  Node clip = make_node("Clip", {from}, to, second);
  const std::string name = view.graph().name_of(to);
  const auto add_bound = [&](const char* which, float bound, float open) {
    if (opset_of(view) < first_with_inputs) {
      if (bound != open) clip.attributes.push_back(float_value(which, bound));
      return;
    }
    clip.inputs.push_back(bound == open ? no_value : view.new_value(name + "_" + which));
    if (bound != open) patch.constants.push_back({clip.inputs.back(), Tensor::scalar(bound)});
  };
  add_bound("min", bounds.low, -infinity);
  add_bound("max", bounds.high, infinity);
  while (clip.inputs.back() == no_value) clip.inputs.pop_back();
  patch.add.push_back(std::move(clip));
}

}  // namespace

/// A Clip or Relu of a Clip or Relu is one Clip between the narrower bounds, where these leave anything between them.
std::vector<Patch> find_clips(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& second = graph.nodes[i];
    if (!is_plain(second) || !has_input(second, 0) || !view.has_single_reader(second.inputs[0])) continue;
    const Node* first = view.producer(second.inputs[0]);
    if (!first) continue;
    const auto inner = bounds_of(view, *first), outer = bounds_of(view, second);
    if (!inner || !outer) continue;
    const Bounds both{std::max(inner->low, outer->low), std::min(inner->high, outer->high)};
    const size_t first_index = view.index_of(*first);
    if (both.low > both.high || !claims.claim({first_index, i})) continue;
    Patch patch{.what = "merge " + first->describe(first_index) + " and " + second.describe(i),
                .remove = {first_index, i}};
    emit_clip(view, both, second, first->inputs[0], patch);
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
