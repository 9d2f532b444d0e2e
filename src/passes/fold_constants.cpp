#include <algorithm>
#include <optional>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "runtime/folding_host.hpp"
#include "runtime/node_cost.hpp"

namespace kiln::passes {
namespace {

/// What a Constant node holds, however large it is.
Tensor held_tensor(const Node& node) {
  const Attribute* value = is_op(node, "Constant") ? node.find_attribute("value") : nullptr;
  const auto* tensor = value ? std::get_if<Tensor>(&value->data) : nullptr;
  return tensor ? *tensor : Tensor();
}

/// A node may give as many bytes as it reads, so that folding makes no model larger than it is, and the double where it
/// is a Cast: weights that are kept as 16 bits and read as 32 are packed like others then.
constexpr int64_t most_bytes_beside = 4096;

/// The results of a node that reads large constants only; none where it does more than moving and computing them.
std::vector<Value> computed(const GraphView& view, const Node& node) {
  const auto opset = view.opsets().find(canonical_domain(node.domain));
  const Schema* schema = opset == view.opsets().end() ? nullptr : find_schema(node.domain, node.op_type, opset->second);
  if (!is_plain(node) || schema == nullptr || !schema->op->eval || schema->op->random || node.inputs.empty()) return {};
  std::vector<Value> values;
  int64_t bytes = most_bytes_beside;
  for (ValueId id : node.inputs) {
    const Tensor* constant = id == no_value ? nullptr : view.constant(id);
    if (id != no_value && constant == nullptr) return {};
    values.emplace_back(constant ? Value(constant->is_aligned() ? *constant : constant->clone()) : Value());
    if (constant) bytes += static_cast<int64_t>(constant->bytes()) * (is_op(node, "Cast") ? 2 : 1);
  }
  const Type& type = view.fact(node.outputs[0]).type;
  const std::optional<double> size = known_size(type);
  if (!size || type.dtype == DType::string ||
      *size * static_cast<double>(dtype_size(type.dtype)) > static_cast<double>(bytes)) {
    return {};
  }
  std::vector<const Value*> inputs;
  for (const Value& value : values) inputs.push_back(value.is_none() ? nullptr : &value);
  std::vector<Value> outputs(node.outputs.size());
  FoldingHost host(bytes);
  try {
    EvalContext context(node, *schema, view.opsets(), host, inputs, outputs);
    schema->op->eval(context);
  } catch (const Error&) {  // It fails when it runs, and says why.
    return {};
  }
  return outputs;
}

/// A Transpose that products read through: they take the constant as it lies, with no copy of it.
bool is_read_through(const GraphView& view, const Node& node) {
  if (!is_op(node, "Transpose") || !is_plain(node)) return false;
  const auto& readers = view.readers(node.outputs[0]);
  return !readers.empty() && std::all_of(readers.begin(), readers.end(), [&](size_t index) {
    const Node& reader = view.graph().nodes[index];
    return (is_op(reader, "MatMul") || is_op(reader, "Gemm")) && reader.inputs[1] == node.outputs[0];
  });
}

}  // namespace

/// Shape inference has computed the small results already; they and the tensors of Constant nodes become initialisers.
std::vector<Patch> find_constants(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Patch patch{.what = "compute " + node.describe(i), .remove = {i}};
    bool all_known = true;
    for (ValueId id : node.outputs) {
      if (id == no_value) continue;
      Tensor value = held_tensor(node);
      if (!value.defined()) value = view.fact(id).constant;
      all_known = all_known && value.defined() && !view.is_output(id);
      patch.constants.push_back({id, std::move(value)});
    }
    if (!all_known && !is_read_through(view, node) && is_plain(node) && !view.is_output(node.outputs[0])) {
      const std::vector<Value> results = computed(view, node);
      all_known = results.size() == 1 && results[0].is_tensor();
      if (all_known) patch.constants.front().tensor = results[0].tensor();
    }
    if (all_known && !patch.constants.empty()) patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
