#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/moves.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

bool is_binary(const Node& node) {
  return node.inputs.size() == 2 && (is_op(node, "Add") || is_op(node, "Sub") || is_op(node, "Mul") ||
                                     is_op(node, "Div") || is_op(node, "Max") || is_op(node, "Min"));
}

/// The input of an elementwise node that is no scalar, where the others all are; nothing for other nodes.
std::optional<size_t> only_data(const GraphView& view, const Node& node) {
  if (is_unary(node)) return 0;
  if (!is_binary(node)) return {};
  for (const size_t k : {size_t{0}, size_t{1}}) {
    if (view.constant(node.inputs[1 - k]) && scalar_of(view, node.inputs[1 - k])) return k;
  }
  return {};
}

/// A Transpose, elementwise nodes or Softmaxes behind it, and another Transpose at their end: the first one moves to
/// the second, with which it merges.
std::optional<Patch> match_chain(GraphView& view, size_t index) {
  const Graph& graph = view.graph();
  const Node& turn = graph.nodes[index];
  const auto perm = permutation_of(view, turn);
  if (!perm) return {};
  Patch patch{.what = "move " + turn.describe(index) + " to the next one", .remove = {index}};
  std::vector<Node> moved;
  std::vector<size_t> data;  // which input of each is the one before
  ValueId end = turn.outputs[0];
  while (true) {
    if (!view.has_single_reader(end)) return {};
    const size_t reader = view.readers(end).front();
    const Node& node = graph.nodes[reader];
    if (!is_plain(node)) return {};
    if (is_op(node, "Transpose")) break;
    std::optional<size_t> input = only_data(view, node);
    Node copy = node;
    if (is_op(node, "Softmax") || is_op(node, "LogSoftmax")) {
      const auto axis = normal_axes({int_attribute(node, "axis", -1)}, static_cast<int64_t>(perm->size()));
      if (!axis) return {};
      set_attribute(copy, int_value("axis", (*perm)[static_cast<size_t>(axis->front())]));
      input = 0;
    }
    if (!input || node.inputs[*input] != end) return {};
    patch.remove.push_back(reader);
    moved.push_back(std::move(copy));
    data.push_back(*input);
    end = node.outputs[0];
  }
  if (moved.empty()) return {};
  ValueId before = turn.inputs[0];
  const std::string name = graph.name_of(turn.outputs[0]);
  for (size_t i = 0; i < moved.size(); ++i) {
    moved[i].inputs[data[i]] = before;
    before = view.new_value(name + "_before");
    moved[i].outputs = {before};
    patch.add.push_back(std::move(moved[i]));
  }
  patch.add.push_back(make_node("Transpose", {before}, end, turn));
  patch.add.back().attributes.push_back(ints_value("perm", *perm));
  return patch;
}

/// Two values with their axes moved alike meet: they meet first, and their axes are moved once.
std::optional<Patch> match_pair(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  Patch patch{.what = "move the axes behind " + node.describe(index), .remove = {index}};
  std::vector<ValueId> inputs;
  std::optional<std::vector<int64_t>> perm;
  for (ValueId id : node.inputs) {
    const Node* turn = view.has_single_reader(id) ? view.producer_if(id, "Transpose") : nullptr;
    const auto its = turn ? permutation_of(view, *turn) : std::nullopt;
    if (!its || (perm && *perm != *its)) return {};
    perm = its;
    inputs.push_back(turn->inputs[0]);
    patch.remove.push_back(view.index_of(*turn));
  }
  Node meeting = node;
  meeting.inputs = inputs;
  meeting.outputs = {view.new_value(view.graph().name_of(node.outputs[0]) + "_before")};
  patch.add.push_back(meeting);
  patch.add.push_back(make_node("Transpose", {meeting.outputs[0]}, node.outputs[0], node));
  patch.add.back().attributes.push_back(ints_value("perm", *perm));
  return patch;
}

}  // namespace

/// Transposes go behind elementwise operators where that leaves fewer of them.
std::vector<Patch> find_high_transposes(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 13) return patches;
  Claims claims(view);
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !has_input(node, 0)) continue;
    std::optional<Patch> patch;
    if (is_op(node, "Transpose")) patch = match_chain(view, i);
    if (is_binary(node) && has_input(node, 1)) patch = match_pair(view, i);
    if (patch && claims.claim(patch->remove)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
