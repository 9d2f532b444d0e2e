#include <array>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

const std::vector<int64_t> swap_heads{0, 2, 1, 3};  // [B, S, H, D] <-> [B, H, S, D]

/// A query, key or value before its heads were moved in front of the sequence.
struct Unmoved {
  ValueId id = no_value;
  int64_t heads = 0, size = 0;
};

std::optional<Unmoved> find_unmoved(const GraphView& view, ValueId moved) {
  const Node* transpose = view.producer_if(moved, "Transpose");
  if (!transpose || ints_attribute(*transpose, "perm") != swap_heads) return {};
  const SymShape* shape = shape_of(view, transpose->inputs[0]);
  if (!shape || !(*shape)[2].is_known() || !(*shape)[3].is_known()) return {};
  return Unmoved{transpose->inputs[0], (*shape)[2].value(), (*shape)[3].value()};
}

std::optional<Patch> match_heads(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  if (!is_plain(node) || !is_op(node, "Attention") || node.inputs.size() < 3) return {};
  // Caches have an axis of heads, whatever the form of the rest.
  for (size_t i = 4; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != no_value) return {};
  }
  std::array<std::optional<Unmoved>, 3> operands;
  for (size_t i = 0; i < 3; ++i) {
    operands[i] = find_unmoved(view, node.inputs[i]);
    if (!operands[i] || operands[i]->heads < 1 || operands[i]->size < 1) return {};
  }

  Patch patch{.what = "read the heads of " + node.describe(index) + " side by side", .remove = {index}};
  const std::string name = view.graph().name_of(node.outputs[0]);
  const auto reshape = [&](ValueId from, const std::vector<int64_t>& target, const char* hint) {
    const ValueId shape = view.new_value(name + hint + "_shape"), to = view.new_value(name + hint);
    patch.constants.push_back({shape, Tensor::vector(target)});
    patch.add.push_back(make_node("Reshape", {from, shape}, to, node));
    return to;
  };
  Node packed = node;
  constexpr std::array hints{"_q", "_k", "_v"};
  for (size_t i = 0; i < 3; ++i) {
    packed.inputs[i] = reshape(operands[i]->id, {0, 0, operands[i]->heads * operands[i]->size}, hints[i]);
  }
  set_attribute(packed, int_value("q_num_heads", operands[0]->heads));
  set_attribute(packed, int_value("kv_num_heads", operands[1]->heads));
  const ValueId y = view.new_value(name + "_packed");
  packed.outputs = {y};
  patch.add.push_back(std::move(packed));
  Node turn = make_node("Transpose", {reshape(y, {0, 0, operands[0]->heads, operands[2]->size}, "_heads")},
                        node.outputs[0], node);
  turn.attributes.push_back(ints_value("perm", swap_heads));
  patch.add.push_back(std::move(turn));
  return patch;
}

}  // namespace

/// Where Q, K and V were [B, S, H, D] before their heads were moved to the front, Attention reads them as [B, S, H * D]
/// and gives its result so; the Transposes around it then cancel.
std::vector<Patch> find_split_heads(GraphView& view) {
  std::vector<Patch> patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    if (auto patch = match_heads(view, i)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
