#include <algorithm>
#include <map>
#include <tuple>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_split_with_input = 13;

/// A node that takes a known part of one axis.
struct Piece {
  size_t node = 0;
  int64_t begin = 0, end = 0;
  bool drops_axis = false;
};

struct Place {
  ValueId from = no_value;
  int64_t axis = 0, extent = 0;
  bool operator<(const Place& b) const { return std::tie(from, axis, extent) < std::tie(b.from, b.axis, b.extent); }
};

/// The axis and its extent, as numbers.
std::optional<Place> place_of(const GraphView& view, ValueId from, int64_t axis) {
  const SymShape* shape = shape_of(view, from);
  if (!shape) return {};
  const auto axes = normal_axes({axis}, static_cast<int64_t>(shape->size()));
  if (!axes) return {};
  const Dim& extent = (*shape)[static_cast<size_t>(axes->front())];
  if (!extent.is_known()) return {};
  return Place{from, axes->front(), extent.value()};
}

std::optional<std::pair<Place, Piece>> gathered(const GraphView& view, const Node& node) {
  const auto place = place_of(view, node.inputs[0], int_attribute(node, "axis", 0));
  const Tensor index = known_tensor(view, node.inputs[1]);
  const auto at = known_ints(view, node.inputs[1]);
  if (!place || !at || index.rank() != 0) return {};
  const int64_t begin = at->front() < 0 ? at->front() + place->extent : at->front();
  return std::pair{*place, Piece{view.index_of(node), begin, begin + 1, true}};
}

std::optional<std::pair<Place, Piece>> sliced(const GraphView& view, const Node& node) {
  if (node.inputs.size() < 4) return {};
  const auto starts = known_ints(view, node.inputs[1]), ends = known_ints(view, node.inputs[2]);
  const auto axes = known_ints(view, node.inputs[3]);
  if (!starts || !ends || !axes || starts->size() != 1 || ends->size() != 1 || axes->size() != 1) return {};
  if (has_input(node, 4) && known_ints(view, node.inputs[4]) != std::vector<int64_t>{1}) return {};
  const auto place = place_of(view, node.inputs[0], axes->front());
  if (!place) return {};
  const auto bound = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + place->extent : at, 0, place->extent);
  };
  return std::pair{*place, Piece{view.index_of(node), bound(starts->front()), bound(ends->front()), false}};
}

/// At least two pieces that are all of the axis, each part once.
bool cover(std::vector<Piece>& pieces, int64_t extent) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  int64_t next = 0;
  for (const Piece& piece : pieces) {
    if (piece.begin != next || piece.end <= piece.begin) return false;
    next = piece.end;
  }
  return next == extent && pieces.size() > 1;
}

Patch write_split(GraphView& view, const Place& place, const std::vector<Piece>& pieces) {
  const Graph& graph = view.graph();
  const std::string name = graph.name_of(place.from);
  Patch patch{.what = "split '" + name + "' once and not by " + std::to_string(pieces.size()) + " nodes",
              .early = true};
  Node split = make_node("Split", {place.from}, no_value, graph.nodes[pieces.front().node]);
  split.outputs.clear();
  split.attributes.push_back(int_value("axis", place.axis));
  std::vector<int64_t> lengths;
  std::vector<Node> squeezes;
  ValueId axes = no_value;
  for (const Piece& piece : pieces) {
    const Node& node = graph.nodes[piece.node];
    patch.remove.push_back(piece.node);
    lengths.push_back(piece.end - piece.begin);
    split.outputs.push_back(piece.drops_axis ? view.new_value(name + "_part") : node.outputs[0]);
    if (!piece.drops_axis) continue;
    if (axes == no_value) {
      axes = view.new_value(name + "_axis");
      patch.constants.push_back({axes, Tensor::vector<int64_t>({place.axis})});
    }
    squeezes.push_back(make_node("Squeeze", {split.outputs.back(), axes}, node.outputs[0], node));
  }
  const ValueId counts = view.new_value(name + "_lengths");
  patch.constants.push_back({counts, Tensor::vector(lengths)});
  split.inputs.push_back(counts);
  patch.add.push_back(std::move(split));
  std::move(squeezes.begin(), squeezes.end(), std::back_inserter(patch.add));
  return patch;
}

}  // namespace

/// Slices and Gathers that together take every part of an axis once are one Split.
std::vector<Patch> find_slices(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_split_with_input) return patches;
  std::map<Place, std::vector<Piece>> found;
  for (const Node& node : view.graph().nodes) {
    if (!is_plain(node) || !has_input(node, 0) || !has_input(node, 1)) continue;
    std::optional<std::pair<Place, Piece>> piece;
    if (is_op(node, "Gather")) piece = gathered(view, node);
    if (is_op(node, "Slice")) piece = sliced(view, node);
    // A part of a constant is folded elsewhere.
    if (piece && !view.fact(node.inputs[0]).constant.defined()) found[piece->first].push_back(piece->second);
  }
  for (auto& [place, pieces] : found) {
    if (cover(pieces, place.extent)) patches.push_back(write_split(view, place, pieces));
  }
  return patches;
}

}  // namespace kiln::passes
