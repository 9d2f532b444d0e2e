#include <algorithm>
#include <cmath>

#include "passes/all_passes.hpp"
#include "passes/moves.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_resize = 10, first_with_region = 11;

/// A Resize that only repeats pixels, the same ones in every channel.
bool repeats_pixels(const GraphView& view, const Node& node) {
  if (!is_plain(node) || !is_op(node, "Resize") || node.find_attribute("axes")) return false;
  if (string_attribute(node, "mode", "nearest") != "nearest") return false;
  // A region may lie outside of the picture.
  if (string_attribute(node, "coordinate_transformation_mode", "") == "tf_crop_and_resize") return false;
  const size_t place = opset_of(view) < first_with_region ? 1 : 2;
  if (!has_input(node, 0) || !has_input(node, place) || has_input(node, 3)) return false;
  const SymShape* shape = shape_of(view, node.inputs[0]);
  const auto scales = known_floats(view, node.inputs[place]);
  if (!shape || !scales || scales->size() != shape->size() || shape->size() < 3) return false;
  if (!(*shape)[1].is_known() || (*scales)[0] != 1 || (*scales)[1] != 1) return false;
  const auto is_whole = [](double scale) { return scale >= 1 && scale == std::floor(scale); };
  return std::all_of(scales->begin(), scales->end(), is_whole) &&
         std::any_of(scales->begin(), scales->end(), [](double scale) { return scale > 1; });
}

/// The readers of `value` where all are pointwise Convs that together make no more than `channels` channels, so that
/// what they make is no more to repeat.
std::vector<size_t> pointwise_readers(const GraphView& view, ValueId value, int64_t channels) {
  const SymShape* shape = shape_of(view, value);
  if (!shape || view.is_output(value) || view.is_captured(value)) return {};
  int64_t made = 0;
  for (const size_t index : view.readers(value)) {
    const Node& node = view.graph().nodes[index];
    if (!is_pointwise(view, node) || node.inputs[0] != value || int_attribute(node, "group", 1) != 1) return {};
    const Tensor& weights = mapped_tensor(view, node.inputs[1]);
    if (Dim(weights.dim(1)) != (*shape)[1]) return {};
    made += weights.dim(0);
  }
  return made <= channels ? view.readers(value) : std::vector<size_t>();
}

/// A Concat of the channels that a Resize makes and others.
struct Joint {
  const Node* concat = nullptr;
  int64_t begin = 0, end = 0;   ///< the channels of the Resize
  std::vector<ValueId> others;  ///< in their order
};

std::optional<Joint> find_joint(const GraphView& view, const Node& resize) {
  const Node* concat = view.single_reader_if(resize.outputs[0], "Concat");
  const SymShape* shape = shape_of(view, resize.outputs[0]);
  if (!concat || !is_plain(*concat) || !shape) return {};
  if (normal_axes({int_attribute(*concat, "axis", 0)}, static_cast<int64_t>(shape->size())) != std::vector<int64_t>{1})
    return {};
  Joint joint{.concat = concat, .others = {}};
  int64_t channels = 0;
  for (const ValueId part : concat->inputs) {
    if (!shape_of(view, part)) return {};
    // Parts that do not fit are an error for a Concat; an Add might repeat them.
    SymShape fitting = *shape_of(view, part);
    if (fitting.size() != shape->size() || !fitting[1].is_known() || fitting[1].value() < 1) return {};
    const int64_t count = fitting[1].value();
    fitting[1] = (*shape)[1];
    if (fitting != *shape) return {};
    channels += count;
    if (part == resize.outputs[0]) {
      joint.begin = channels - count, joint.end = channels;
      continue;
    }
    // Of several sums a Conv does only one in passing.
    const Node* producer = view.producer(part);
    if (producer && repeats_pixels(view, *producer)) return {};
    joint.others.push_back(part);
  }
  return joint.others.empty() ? std::nullopt : std::optional(joint);
}

/// The weights for the input channels from `begin` to `end`, or for all others.
Tensor weights_of(const Tensor& weights, int64_t begin, int64_t end, bool inside) {
  const int64_t rows = weights.dim(0), columns = weights.dim(1);
  Shape shape = weights.shape();
  shape[1] = inside ? end - begin : columns - (end - begin);
  Tensor part(DType::f32, shape);
  const float* from = weights.data<float>();
  float* to = part.mutable_data<float>();
  for (int64_t i = 0; i < rows * columns; ++i) {
    const int64_t channel = i % columns;
    if ((begin <= channel && channel < end) == inside) *to++ = from[i];
  }
  return part;
}

/// conv(concat(resize(x), y)) is conv(y) + resize(conv(x)), each with the weights of its channels.
Patch split_conv(GraphView& view, const Node& resize, const Joint& joint, size_t index) {
  const Node& conv = view.graph().nodes[index];
  const std::string name = view.graph().name_of(conv.outputs[0]);
  const Tensor weights = known_tensor(view, conv.inputs[1]);
  Patch patch{.what = "repeat pixels of " + resize.describe(view.index_of(resize)) + " after " + conv.describe(index),
              .remove = {index}};
  const auto part = [&](const char* hint, bool inside) {
    const ValueId id = view.new_value(name + hint);
    patch.constants.push_back({id, weights_of(weights, joint.begin, joint.end, inside)});
    return id;
  };
  Node small = conv, large = resize, rest = conv;
  small.inputs = {resize.inputs[0], part("_small_weights", true)};
  small.outputs = {view.new_value(name + "_small")};
  large.inputs[0] = small.outputs[0];
  large.outputs = {view.new_value(name + "_large")};
  rest.inputs[0] = joint.others[0], rest.inputs[1] = part("_rest_weights", false);
  rest.outputs = {view.new_value(name + "_rest")};
  patch.add = {std::move(small), large};
  if (joint.others.size() > 1) {
    Node concat = *joint.concat;
    concat.inputs = joint.others;
    concat.outputs = {view.new_value(name + "_others")};
    rest.inputs[0] = concat.outputs[0];
    patch.add.push_back(std::move(concat));
  }
  patch.add.push_back(rest);
  patch.add.push_back(make_node("Add", {rest.outputs[0], large.outputs[0]}, conv.outputs[0], conv));
  return patch;
}

/// The Resize comes after the reader, which then has fewer pixels to work on.
Patch swap(GraphView& view, const Node& resize, size_t index) {
  const Node& reader = view.graph().nodes[index];
  Patch patch{.what = "repeat pixels of " + resize.describe(view.index_of(resize)) + " after " + reader.describe(index),
              .remove = {index}};
  Node small = reader, large = resize;
  small.inputs[0] = resize.inputs[0];
  small.outputs = {view.new_value(view.graph().name_of(reader.outputs[0]) + "_small")};
  large.inputs[0] = small.outputs[0];
  large.outputs = reader.outputs;
  patch.add = {std::move(small), std::move(large)};
  return patch;
}

}  // namespace

/// Who treats all pixels alike makes the same of the same ones: nearest resizing comes after it. Of a Concat, a
/// pointwise Conv sums up what it makes of each part, and the Resize is left for one of them.
std::vector<Patch> find_high_resizes(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_resize) return patches;
  const std::vector<Node>& nodes = view.graph().nodes;
  Claims claims(view);
  for (const Node& resize : nodes) {
    if (!repeats_pixels(view, resize)) continue;
    const ValueId large = resize.outputs[0];
    const int64_t channels = (*shape_of(view, resize.inputs[0]))[1].value();
    std::vector<size_t> readers = pointwise_readers(view, large, channels);
    if (view.has_single_reader(large)) {
      const size_t index = view.readers(large).front();
      if (is_plain(nodes[index]) && is_unary(nodes[index]) && nodes[index].inputs[0] == large) readers = {index};
    }
    for (const size_t index : readers) {
      if (claims.claim({index})) patches.push_back(swap(view, resize, index));
    }
    const std::optional<Joint> joint = find_joint(view, resize);
    if (!joint) continue;
    for (const size_t index : pointwise_readers(view, joint->concat->outputs[0], channels)) {
      if (claims.claim({index})) patches.push_back(split_conv(view, resize, *joint, index));
    }
  }
  return patches;
}

}  // namespace kiln::passes
