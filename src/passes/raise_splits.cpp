#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/moves.hpp"
#include "passes/reshape_target.hpp"

namespace kiln::passes {
namespace {

/// A Split with known lengths along a known axis.
struct Cut {
  const Node* node = nullptr;
  size_t axis = 0;
  std::vector<int64_t> lengths;
};

std::optional<Cut> find_cut(const GraphView& view, const Node& node) {
  const SymShape* shape = is_op(node, "Split") && has_input(node, 0) ? shape_of(view, node.inputs[0]) : nullptr;
  if (!shape) return {};
  const auto axis = normal_axes({int_attribute(node, "axis", 0)}, static_cast<int64_t>(shape->size()));
  if (!axis) return {};
  Cut cut{.node = &node, .axis = static_cast<size_t>(axis->front())};
  for (ValueId id : node.outputs) {
    const SymShape* part = shape_of(view, id);
    if (!part || part->size() != shape->size() || !(*part)[cut.axis].is_known()) return {};
    cut.lengths.push_back((*part)[cut.axis].value());
  }
  return cut;
}

/// The axis of `from` along which the cut goes, and by how much its lengths are multiplied there: where `from` with
/// that axis in parts is, apart from axes of 1, the shape that is cut.
struct Lower {
  int64_t axis = 0, factor = 1;
};

std::optional<Lower> below_reshape(const SymShape& from, const SymShape& cut, size_t axis) {
  size_t i = 0;
  for (size_t j = 0; j < axis; ++j) {
    if (cut[j] == Dim(1)) continue;
    while (i < from.size() && from[i] == Dim(1)) ++i;
    if (i == from.size() || !(from[i++] == cut[j])) return {};
  }
  while (i < from.size() && from[i] == Dim(1)) ++i;
  if (i == from.size() || !from[i].is_known() || !cut[axis].is_known()) return {};
  int64_t factor = 1;
  size_t j = axis + 1;
  for (; j < cut.size() && cut[axis].value() * factor < from[i].value(); ++j) {
    if (!cut[j].is_known() || cut[j].value() < 1) return {};
    factor *= cut[j].value();
  }
  if (cut[axis].value() * factor != from[i].value()) return {};
  const SymShape rest_from(from.begin() + static_cast<std::ptrdiff_t>(i) + 1, from.end());
  const SymShape rest_cut(cut.begin() + static_cast<std::ptrdiff_t>(j), cut.end());
  if (!same_but_ones(rest_from, rest_cut)) return {};
  return Lower{static_cast<int64_t>(i), factor};
}

/// Below a Transpose the parts must be such that the Transpose of each only moves axes of 1.
std::optional<Lower> below_transpose(const GraphView& view, const Node& transpose, const Cut& cut) {
  const auto perm = permutation_of(view, transpose);
  const SymShape* from = shape_of(view, transpose.inputs[0]);
  if (!perm || !from || from->size() != perm->size()) return {};
  if (!std::all_of(cut.lengths.begin(), cut.lengths.end(), [](int64_t length) { return length == 1; })) return {};
  SymShape part = *from;
  part[static_cast<size_t>((*perm)[cut.axis])] = Dim(1);
  if (!keeps_order(part, *perm)) return {};
  return Lower{(*perm)[cut.axis], 1};
}

/// The Squeeze that takes just the axis of the cut from a part, and alone reads it; null where there is none.
const Node* squeeze_of(const GraphView& view, ValueId part, size_t axis) {
  const Node* squeeze = view.single_reader_if(part, "Squeeze");
  const SymShape* shape = shape_of(view, part);
  if (!squeeze || !is_plain(*squeeze) || !has_input(*squeeze, 1)) return nullptr;
  auto axes = known_ints(view, squeeze->inputs[1]);
  if (axes) axes = normal_axes(*axes, static_cast<int64_t>(shape->size()));
  return axes == std::vector<int64_t>{static_cast<int64_t>(axis)} ? squeeze : nullptr;
}

/// A Transpose of which a Split takes one index of an axis after the other: the axis is cut, and dropped, before the
/// others are moved.
std::optional<Patch> match_turned(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const Node* turn = has_input(node, 0) ? view.producer_if(node.inputs[0], "Transpose") : nullptr;
  const auto cut = turn && view.has_single_reader(node.inputs[0]) ? find_cut(view, node) : std::nullopt;
  const auto perm = cut ? permutation_of(view, *turn) : std::nullopt;
  if (!perm || perm->size() < 3 || (has_input(node, 1) && !view.constant(node.inputs[1]))) return {};
  const int64_t below = (*perm)[cut->axis];
  std::vector<int64_t> rest;  // the Transpose without the axis of the cut
  for (int64_t axis : *perm) {
    if (axis != below) rest.push_back(axis > below ? axis - 1 : axis);
  }
  const size_t turn_index = view.index_of(*turn);
  Patch patch{.what = "cut by " + node.describe(index) + " before " + turn->describe(turn_index),
              .remove = {turn_index, index}};
  std::vector<const Node*> squeezes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    squeezes.push_back(cut->lengths[i] == 1 ? squeeze_of(view, node.outputs[i], cut->axis) : nullptr);
    if (!squeezes.back()) return {};
    patch.remove.push_back(view.index_of(*squeezes.back()));
  }
  patch.early = true;
  const std::string name = view.graph().name_of(turn->inputs[0]);
  const ValueId axes = view.new_value(name + "_axis");
  patch.constants.push_back({axes, Tensor::vector<int64_t>({below})});
  Node split = node;
  split.inputs[0] = turn->inputs[0];
  set_attribute(split, int_value("axis", below));
  std::vector<Node> parts;
  for (size_t i = 0; i < squeezes.size(); ++i) {
    split.outputs[i] = view.new_value(name + "_part");
    const ValueId dropped = view.new_value(name + "_dropped");
    parts.push_back(make_node("Squeeze", {split.outputs[i], axes}, dropped, *squeezes[i]));
    parts.push_back(make_node("Transpose", {dropped}, squeezes[i]->outputs[0], *turn));
    parts.back().attributes.push_back(ints_value("perm", rest));
  }
  patch.add.push_back(std::move(split));
  std::move(parts.begin(), parts.end(), std::back_inserter(patch.add));
  return patch;
}

/// Whether what is put behind each part meets something that it merges with.
bool parts_are_moved(const GraphView& view, const Node& split) {
  return std::all_of(split.outputs.begin(), split.outputs.end(), [&](ValueId id) {
    if (!view.has_single_reader(id)) return false;
    const Node& reader = view.graph().nodes[view.readers(id).front()];
    return is_plain(reader) && (is_reshape(reader) || is_op(reader, "Transpose"));
  });
}

std::optional<Patch> match_split(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  const Node* producer = has_input(node, 0) ? view.producer(node.inputs[0]) : nullptr;
  if (!producer || !is_plain(*producer) || !has_input(*producer, 0) || !parts_are_moved(view, node)) return {};
  const auto cut = find_cut(view, node);
  const SymShape *from = shape_of(view, producer->inputs[0]), *shape = shape_of(view, node.inputs[0]);
  if (!cut || !from || cut->lengths.size() < 2) return {};
  std::optional<Lower> lower;
  if (is_reshape(*producer)) lower = below_reshape(*from, *shape, cut->axis);
  if (is_op(*producer, "Transpose")) lower = below_transpose(view, *producer, *cut);
  if (!lower) return {};
  std::vector<int64_t> lengths;
  std::vector<std::vector<int64_t>> targets;
  for (size_t i = 0; i < cut->lengths.size(); ++i) {
    lengths.push_back(cut->lengths[i] * lower->factor);
    SymShape part = *from;
    part[static_cast<size_t>(lower->axis)] = Dim(lengths.back());
    const auto target = reshape_target(&part, *shape_of(view, node.outputs[i]));
    if (!target) return {};
    targets.push_back(*target);
  }
  Patch patch{.what = "cut by " + node.describe(index) + " before " + producer->describe(view.index_of(*producer)),
              .remove = {index}};
  const std::string name = view.graph().name_of(producer->inputs[0]);
  const auto ints = [&](const std::vector<int64_t>& values) {
    const ValueId id = view.new_value(name + "_ints");
    patch.constants.push_back({id, Tensor::vector(values)});
    return id;
  };
  Node split = make_node("Split", {producer->inputs[0], ints(lengths)}, no_value, node);
  split.outputs.clear();
  split.attributes.push_back(int_value("axis", lower->axis));
  std::vector<Node> reshapes;
  for (size_t i = 0; i < targets.size(); ++i) {
    split.outputs.push_back(view.new_value(name + "_part"));
    reshapes.push_back(make_node("Reshape", {split.outputs.back(), ints(targets[i])}, node.outputs[i], node));
  }
  patch.add.push_back(std::move(split));
  std::move(reshapes.begin(), reshapes.end(), std::back_inserter(patch.add));
  return patch;
}

}  // namespace

/// A Split of something reshaped, or with its axes moved, cuts what was there before where the parts then only take
/// another shape.
std::vector<Patch> find_high_splits(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 13) return patches;
  Claims claims(view);
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    const bool all_there = std::find(node.outputs.begin(), node.outputs.end(), no_value) == node.outputs.end();
    if (!is_op(node, "Split") || !all_there) continue;
    std::optional<Patch> patch = match_split(view, i);
    if (!patch) patch = match_turned(view, i);
    if (patch && claims.claim(patch->remove)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
