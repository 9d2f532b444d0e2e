#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

template <class List, class T>
bool all_are(const std::optional<List>& list, T wanted) {
  return list && std::all_of(list->begin(), list->end(), [&](auto element) { return element == wanted; });
}

/// A Dropout that is not told to train, whose mask nobody reads. Before version 7 only `is_test` says so.
bool is_idle_dropout(const GraphView& view, const Node& node) {
  const auto opset = view.opsets().find("");
  if (opset == view.opsets().end() || node.outputs.size() > 1) return false;
  if (opset->second < 7) return int_attribute(node, "is_test", 0) != 0;
  if (node.inputs.size() < 3 || node.inputs[2] == no_value) return true;
  const Tensor* training = view.constant(node.inputs[2]);
  return training && training->dtype() == DType::boolean && training->size() == 1 && !*training->data<bool>();
}

bool adds_nothing(const GraphView& view, const Node& pad) {
  if (pad.inputs.size() >= 2) return all_are(known_ints(view, pad.inputs[1]), 0);
  const Attribute* pads = pad.find_attribute(opset_of(view) < 2 ? "paddings" : "pads");
  return pads && all_are(std::optional(ints_attribute(pad, pads->name)), 0);
}

/// With steps of 1 nothing but the whole has the same shape.
bool takes_everything(const GraphView& view, const Node& slice) {
  if (has_input(slice, 4) && !all_are(known_ints(view, slice.inputs[4]), 1)) return false;
  return same_shape(view, slice.inputs[0], slice.outputs[0]);
}

bool keeps_order(const Node& transpose) {
  const std::vector<int64_t> perm = ints_attribute(transpose, "perm");
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return !perm.empty();
}

/// Every way to map coordinates but the crop leaves them as they are where no axis is scaled.
bool scales_nothing(const GraphView& view, const Node& resize) {
  if (string_attribute(resize, "coordinate_transformation_mode", "") == "tf_crop_and_resize") return false;
  if (string_attribute(resize, "keep_aspect_ratio_policy", "stretch") != "stretch") return false;
  const bool is_first = resize.op_type == "Upsample" || opset_of(view) < 11;
  if (const Attribute* scales = resize.find_attribute("scales")) {
    const auto* factors = std::get_if<std::vector<float>>(&scales->data);
    return factors && all_are(std::optional(*factors), 1.0f);
  }
  if (!is_first && has_input(resize, 3)) return same_shape(view, resize.inputs[0], resize.outputs[0]);
  const size_t scales = is_first ? 1 : 2;
  if (!has_input(resize, scales)) return false;
  const auto factors = known_floats(view, resize.inputs[scales]);
  return factors && !factors->empty() && all_are(factors, 1.0);
}

/// A pool of windows of one element each, as adaptive pooling to the size that is there is written.
bool sees_one_each(const Node& pool) {
  const std::vector<int64_t> kernel = ints_attribute(pool, "kernel_shape");
  const std::string pads = string_attribute(pool, "auto_pad", "NOTSET");
  return !kernel.empty() && pool.outputs.size() == 1 && all_are(std::optional(kernel), 1) &&
         all_are(std::optional(ints_attribute(pool, "strides")), 1) &&
         all_are(std::optional(ints_attribute(pool, "pads")), 0) && (pads == "NOTSET" || pads == "VALID");
}

/// Operators that move elements and may happen to leave all of them where they are.
bool moves_nothing(const GraphView& view, const Node& node) {
  const std::string& op = node.op_type;
  if (op == "Pad") return adds_nothing(view, node);
  if (op == "Slice") return takes_everything(view, node);
  if (op == "Transpose") return keeps_order(node);
  if (op == "Resize" || op == "Upsample") return scales_nothing(view, node);
  if (op == "AveragePool" || op == "MaxPool") return sees_one_each(node);
  if (op == "Tile") return opset_of(view) >= 6 && has_input(node, 1) && all_are(known_ints(view, node.inputs[1]), 1);
  if (op == "Concat" || op == "Sum" || op == "Mean" || op == "Max" || op == "Min") return node.inputs.size() == 1;
  // A target that only the run knows may be one that the input does not broadcast to.
  if (op == "Expand" && !has_input(node, 1)) return false;
  if (op == "Expand" && !view.fact(node.inputs[1]).dims && !known_ints(view, node.inputs[1])) return false;
  const bool reshapes = op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Expand";
  return reshapes && same_shape(view, node.inputs[0], node.outputs[0]);
}

/// Whether output 0 is input 0, element for element.
bool is_copy(const GraphView& view, const Node& node) {
  if (!node.domain.empty() || node.inputs.empty() || node.inputs[0] == no_value) return false;
  const ValueId from = node.inputs[0];
  if (node.op_type == "Identity") return true;
  if (node.op_type == "Dropout") return is_idle_dropout(view, node);
  if (node.op_type == "Cast") {
    const DType dtype = view.fact(from).type.dtype;
    return view.fact(from).type.is_tensor() && dtype != DType::undefined &&
           int_attribute(node, "to", 0) == static_cast<int64_t>(dtype);
  }
  return moves_nothing(view, node);
}

}  // namespace

std::vector<Patch> find_identities(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.outputs.empty() || node.outputs[0] == no_value || !is_copy(view, node)) continue;
    const ValueId from = node.inputs[0], to = node.outputs[0];
    if (!view.can_replace(to, from)) continue;
    patches.push_back({.what = "remove " + node.describe(i), .remove = {i}, .replace = {{to, from}}});
  }
  return patches;
}

}  // namespace kiln::passes
