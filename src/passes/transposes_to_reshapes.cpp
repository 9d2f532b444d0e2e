#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/moves.hpp"
#include "passes/reshape_target.hpp"

namespace kiln::passes {
namespace {

/// A Transpose that moves only axes of 1 is a Reshape.
std::optional<Patch> match_idle(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const SymShape *from = shape_of(view, node.inputs[0]), *to = shape_of(view, node.outputs[0]);
  const auto perm = permutation_of(view, node);
  if (!from || !to || !perm || from->size() != perm->size() || !keeps_order(*from, *perm)) return {};
  const auto target = reshape_target(from, *to);
  if (!target) return {};
  Patch patch{.what = "see that " + node.describe(index) + " only reshapes", .remove = {index}};
  const ValueId shape = view.new_value(view.graph().name_of(node.outputs[0]) + "_shape");
  patch.constants.push_back({shape, Tensor::vector(*target)});
  patch.add.push_back(make_node("Reshape", {node.inputs[0], shape}, node.outputs[0], node));
  return patch;
}

/// Reshape(Transpose(Reshape(x))) whose outer Reshape only adds or drops axes of 1: they are added or dropped by the
/// inner one.
std::optional<Patch> match_outer(GraphView& view, size_t index) {
  const Node& outer = view.graph().nodes[index];
  const Node* turn = view.producer_if(outer.inputs[0], "Transpose");
  if (!turn || !view.has_single_reader(outer.inputs[0])) return {};
  const Node* inner = view.producer(turn->inputs[0]);
  if (!inner || !is_plain(*inner) || !is_reshape(*inner)) return {};
  const SymShape *x = shape_of(view, turn->inputs[0]), *t = shape_of(view, turn->outputs[0]);
  const SymShape* o = shape_of(view, outer.outputs[0]);
  const auto perm = permutation_of(view, *turn);
  if (!x || !t || !o || !perm || !same_but_ones(*t, *o)) return {};

  // The axes of 1 stand before the Transpose where they are to be behind it, the others in their old order.
  std::vector<int64_t> wide_in, wide_out;  // the k-th axis of x that is not 1; likewise of the result
  for (size_t i = 0; i < x->size(); ++i) {
    if (!((*x)[i] == Dim(1))) wide_in.push_back(static_cast<int64_t>(i));
  }
  for (size_t i = 0; i < o->size(); ++i) {
    if (!((*o)[i] == Dim(1))) wide_out.push_back(static_cast<int64_t>(i));
  }
  SymShape middle(o->size(), Dim(1));
  for (size_t k = 0; k < wide_in.size(); ++k) {
    middle[static_cast<size_t>(wide_out[k])] = (*x)[static_cast<size_t>(wide_in[k])];
  }
  std::vector<int64_t> new_perm(o->size());
  for (size_t i = 0; i < o->size(); ++i) new_perm[i] = static_cast<int64_t>(i);
  size_t next = 0;
  for (int64_t axis : *perm) {
    const auto found = std::find(wide_in.begin(), wide_in.end(), axis);
    if (found == wide_in.end()) continue;
    new_perm[static_cast<size_t>(wide_out[next++])] = wide_out[static_cast<size_t>(found - wide_in.begin())];
  }
  const auto target = reshape_target(x, middle);
  if (!target) return {};
  Patch patch{.what = "reshape before " + turn->describe(view.index_of(*turn)) + " and not behind it",
              .remove = {index, view.index_of(*turn)}};
  const std::string name = view.graph().name_of(outer.outputs[0]);
  const ValueId shape = view.new_value(name + "_shape"), reshaped = view.new_value(name + "_before");
  patch.constants.push_back({shape, Tensor::vector(*target)});
  patch.add.push_back(make_node("Reshape", {turn->inputs[0], shape}, reshaped, outer));
  patch.add.push_back(make_node("Transpose", {reshaped}, outer.outputs[0], *turn));
  patch.add.back().attributes.push_back(ints_value("perm", new_perm));
  return patch;
}

}  // namespace

std::vector<Patch> find_idle_transposes(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !has_input(node, 0)) continue;
    std::optional<Patch> patch;
    if (is_op(node, "Transpose")) patch = match_idle(view, i);
    if (is_reshape(node)) patch = match_outer(view, i);
    if (patch && claims.claim(patch->remove)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
