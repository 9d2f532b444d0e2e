#include "passes/all_passes.hpp"

namespace kiln::passes {
namespace {

/// Both shapes are known and provably the same.
bool same_shape(const GraphView& view, ValueId a, ValueId b) {
  const auto &x = view.fact(a).type.shape, &y = view.fact(b).type.shape;
  return x && y && *x == *y;
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

/// Whether output 0 is input 0, element for element.
bool is_copy(const GraphView& view, const Node& node) {
  if (!node.domain.empty() || node.inputs.empty() || node.inputs[0] == no_value) return false;
  const ValueId from = node.inputs[0], to = node.outputs[0];
  if (node.op_type == "Identity") return true;
  if (node.op_type == "Dropout") return is_idle_dropout(view, node);
  if (node.op_type == "Cast") {
    const DType dtype = view.fact(from).type.dtype;
    return view.fact(from).type.is_tensor() && dtype != DType::undefined &&
           int_attribute(node, "to", 0) == static_cast<int64_t>(dtype);
  }
  const bool reshapes = node.op_type == "Reshape" || node.op_type == "Flatten" || node.op_type == "Expand";
  return reshapes && same_shape(view, from, to);
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
