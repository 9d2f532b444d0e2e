#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/moves.hpp"
#include "passes/reshape_target.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_shape_input = 5;

}  // namespace

/// Reshape, Flatten, Squeeze and Unsqueeze in a row are one Reshape where a constant target can say the last shape.
std::vector<Patch> find_reshapes(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_with_shape_input) return patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& second = graph.nodes[i];
    if (!is_plain(second) || !is_reshape(second) || !has_input(second, 0)) continue;
    const Node* first = view.producer(second.inputs[0]);
    if (!first || !is_plain(*first) || !is_reshape(*first) || !has_input(*first, 0)) continue;
    const ValueId from = first->inputs[0], to = second.outputs[0];
    const SymShape* wanted = shape_of(view, to);
    if (!wanted) continue;
    const auto target = reshape_target(shape_of(view, from), *wanted);
    const size_t first_index = view.index_of(*first);
    if (!target || !claims.claim({first_index, i})) continue;
    Patch patch{.what = "merge " + first->describe(first_index) + " and " + second.describe(i), .remove = {i}};
    if (view.has_single_reader(second.inputs[0])) patch.remove.push_back(first_index);
    const ValueId shape = view.new_value(graph.name_of(to) + "_shape");
    patch.constants.push_back({shape, Tensor::vector(*target)});
    patch.add.push_back(make_node("Reshape", {from, shape}, to, second));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
