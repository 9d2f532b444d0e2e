#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// Parts of whole blocks of channels are no work: their readers find them where they are.
constexpr int64_t block = 16;
constexpr int64_t first_split_by_input = 13;

/// A product of something with constant weights, and the bias that is added to it.
struct Branch {
  std::vector<size_t> nodes;
  Tensor weights, bias;  ///< the bias is undefined where there is none
  int64_t channels = 0;
  ValueId end = no_value;
};

bool is_activation(const Node& node) {
  static constexpr std::array names{"Relu",     "LeakyRelu",   "Sigmoid",   "Tanh", "Clip",  "Elu",  "Gelu",
                                    "Softplus", "HardSigmoid", "HardSwish", "Mish", "Swish", "Selu", "Celu"};
  return is_plain(node) && std::find(names.begin(), names.end(), node.op_type) != names.end();
}

/// The axis of the weights along which the results lie.
int64_t channel_axis(const Node& product) {
  if (is_op(product, "Conv")) return 0;
  return is_op(product, "Gemm") && int_attribute(product, "transB", 0) != 0 ? 0 : 1;
}

bool is_candidate(const GraphView& view, const Node& node) {
  if (!is_plain(node) || !has_input(node, 0) || !has_input(node, 1)) return false;
  const Tensor* weights = view.constant(node.inputs[1]);
  if (!weights || weights->dtype() != DType::f32 || weights->rank() < 2) return false;
  if (weights->dim(channel_axis(node)) % block != 0) return false;
  if (is_op(node, "MatMul")) return weights->rank() == 2;
  if (is_op(node, "Gemm")) return int_attribute(node, "transA", 0) == 0;
  if (!is_op(node, "Conv") || int_attribute(node, "group", 1) != 1) return false;
  return std::all_of(weights->shape().begin() + 2, weights->shape().end(), [](int64_t extent) { return extent == 1; });
}

/// A bias with one element for each of `channels`, as a list.
std::optional<Tensor> bias_list(const GraphView& view, ValueId id, int64_t channels) {
  const Tensor* bias = view.constant(id);
  if (!bias || bias->dtype() != DType::f32 || bias->size() != channels || bias->rank() < 1) return {};
  if (bias->dim(-1) != channels) return {};
  Tensor list(DType::f32, {channels});
  std::memcpy(list.mutable_data<float>(), bias->raw(), bias->bytes());
  return list;
}

std::optional<Branch> find_branch(const GraphView& view, const Node& node) {
  Branch branch{
      .nodes = {view.index_of(node)}, .weights = *view.constant(node.inputs[1]), .bias = {}, .end = node.outputs[0]};
  branch.channels = branch.weights.dim(channel_axis(node));
  if (has_input(node, 2)) {
    const auto bias = bias_list(view, node.inputs[2], branch.channels);
    if (!bias) return {};
    branch.bias = *bias;
  }
  const Node* add = is_op(node, "MatMul") ? view.single_reader_if(branch.end, "Add") : nullptr;
  if (!add || !is_plain(*add) || add->inputs.size() != 2) return branch;
  const ValueId other = add->inputs[add->inputs[0] == branch.end ? 1 : 0];
  const Tensor* constant = view.constant(other);
  const auto bias = constant && constant->rank() == 1 ? bias_list(view, other, branch.channels) : std::nullopt;
  if (!bias) return branch;
  branch.bias = *bias;
  branch.end = add->outputs[0];
  branch.nodes.push_back(view.index_of(*add));
  return branch;
}

/// The activation behind every branch, where it is the same one; null otherwise.
const Node* shared_activation(const GraphView& view, const std::vector<Branch>& branches) {
  const Node* first = nullptr;
  for (const Branch& branch : branches) {
    if (!view.has_single_reader(branch.end)) return nullptr;
    const Node& reader = view.graph().nodes[view.readers(branch.end).front()];
    if (!is_activation(reader) || reader.inputs[0] != branch.end) return nullptr;
    for (size_t i = 1; i < reader.inputs.size(); ++i) {
      if (reader.inputs[i] != no_value && !view.constant(reader.inputs[i])) return nullptr;
    }
    if (!first) first = &reader;
    const bool same =
        reader.op_type == first->op_type && same_attributes(reader, *first) &&
        std::equal(reader.inputs.begin() + 1, reader.inputs.end(), first->inputs.begin() + 1, first->inputs.end());
    if (!same) return nullptr;
  }
  return first;
}

/// Whether what follows is better off beside its own product: arithmetic that the product can do in passing, a Concat
/// that it can write into, the caller.
bool ends_badly(const GraphView& view, const Branch& branch) {
  if (view.is_output(branch.end) || view.is_captured(branch.end)) return true;
  for (size_t index : view.readers(branch.end)) {
    const Node& reader = view.graph().nodes[index];
    for (const char* op : {"Add", "Sub", "Mul", "Div", "Concat"}) {
      if (is_op(reader, op)) return true;
    }
    if (is_activation(reader)) return true;
  }
  return false;
}

/// All weights along `axis`, one after the other.
Tensor joined(const std::vector<Branch>& branches, int64_t axis) {
  Shape shape = branches.front().weights.shape();
  int64_t total = 0, rows = 1;
  for (const Branch& branch : branches) total += branch.channels;
  for (int64_t i = 0; i < axis; ++i) rows *= shape[static_cast<size_t>(i)];
  shape[static_cast<size_t>(axis)] = total;
  Tensor result(DType::f32, shape);
  auto* to = reinterpret_cast<std::byte*>(result.mutable_data<float>());
  for (int64_t row = 0; row < rows; ++row) {
    for (const Branch& branch : branches) {
      const size_t bytes = branch.weights.bytes() / static_cast<size_t>(rows);
      std::memcpy(to, static_cast<const std::byte*>(branch.weights.raw()) + static_cast<size_t>(row) * bytes, bytes);
      to += bytes;
    }
  }
  return result;
}

/// All biases one after the other, zeroes where there is none; not defined where no branch has one.
Tensor joined_bias(const std::vector<Branch>& branches) {
  int64_t total = 0;
  bool any = false;
  for (const Branch& branch : branches) {
    total += branch.channels;
    any = any || branch.bias.defined();
  }
  if (!any) return {};
  Tensor result(DType::f32, {total});
  float* to = result.mutable_data<float>();
  for (const Branch& branch : branches) {
    if (branch.bias.defined()) {
      std::copy_n(branch.bias.data<float>(), branch.channels, to);
    } else {
      std::fill_n(to, branch.channels, 0.0f);
    }
    to += branch.channels;
  }
  return result;
}

Patch write_product(GraphView& view, const Node& first, const std::vector<Branch>& branches,
                    const std::vector<const Node*>& activations) {
  const std::string name = view.graph().name_of(first.outputs[0]);
  Patch patch{.what = "merge " + std::to_string(branches.size()) + " products beside " +
                      first.describe(view.index_of(first)) + " into one",
              .early = true};
  for (const Branch& branch : branches)
    patch.remove.insert(patch.remove.end(), branch.nodes.begin(), branch.nodes.end());
  const auto constant = [&](Tensor tensor, const char* hint) {
    const ValueId id = view.new_value(name + hint);
    patch.constants.push_back({id, std::move(tensor)});
    return id;
  };
  Node product = first;
  product.inputs = {first.inputs[0], constant(joined(branches, channel_axis(first)), "_weights")};
  product.outputs = {view.new_value(name + "_wide")};
  ValueId end = product.outputs[0];
  Tensor bias = joined_bias(branches);
  const bool adds = is_op(first, "MatMul");
  if (bias.defined() && !adds) product.inputs.push_back(constant(bias, "_bias"));
  patch.add.push_back(std::move(product));
  const auto follow = [&](Node node) {
    node.outputs = {view.new_value(name + "_" + node.op_type)};
    end = node.outputs[0];
    patch.add.push_back(std::move(node));
  };
  if (bias.defined() && adds) follow(make_node("Add", {end, constant(bias, "_bias")}, no_value, first));
  for (const Node* activation : activations) {
    Node node = *activation;
    node.inputs[0] = end;
    follow(std::move(node));
  }
  Node split = make_node("Split", {end}, no_value, first);
  split.outputs.clear();
  std::vector<int64_t> lengths;
  for (const Branch& branch : branches) {
    split.outputs.push_back(branch.end);
    lengths.push_back(branch.channels);
  }
  split.inputs.push_back(constant(Tensor::vector(lengths), "_lengths"));
  split.attributes.push_back(int_value("axis", is_op(first, "Conv") ? 1 : -1));
  patch.add.push_back(std::move(split));
  return patch;
}

/// The products of one input with the same operator and attributes.
std::vector<std::vector<const Node*>> find_groups(const GraphView& view) {
  std::map<ValueId, std::vector<std::vector<const Node*>>> by_input;
  std::vector<std::vector<const Node*>> groups;
  for (const Node& node : view.graph().nodes) {
    if (!is_candidate(view, node)) continue;
    auto& beside = by_input[node.inputs[0]];
    const auto same = std::find_if(beside.begin(), beside.end(), [&](const auto& group) {
      return group.front()->op_type == node.op_type && same_attributes(*group.front(), node);
    });
    if (same == beside.end()) {
      beside.push_back({&node});
    } else {
      same->push_back(&node);
    }
  }
  for (auto& [input, beside] : by_input) {
    for (auto& group : beside) {
      if (group.size() > 1) groups.push_back(std::move(group));
    }
  }
  return groups;
}

}  // namespace

/// MatMuls, Gemms and 1x1 convolutions that read the same input read it once: as one product with all their weights,
/// followed by what follows all of them, and a Split.
std::vector<Patch> find_parallel_products(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < first_split_by_input) return patches;
  Claims claims(view);
  for (const std::vector<const Node*>& group : find_groups(view)) {
    std::vector<Branch> branches;
    for (const Node* node : group) {
      if (auto branch = find_branch(view, *node)) branches.push_back(std::move(*branch));
    }
    std::vector<const Node*> activations;
    while (branches.size() > 1) {
      const Node* activation = shared_activation(view, branches);
      if (!activation) break;
      activations.push_back(activation);
      for (Branch& branch : branches) {
        const size_t reader = view.readers(branch.end).front();
        branch.nodes.push_back(reader);
        branch.end = view.graph().nodes[reader].outputs[0];
      }
    }
    std::erase_if(branches, [&](const Branch& branch) { return ends_badly(view, branch); });
    if (branches.size() < 2) continue;
    std::vector<size_t> nodes;
    for (const Branch& branch : branches) nodes.insert(nodes.end(), branch.nodes.begin(), branch.nodes.end());
    if (!claims.claim(nodes)) continue;
    patches.push_back(write_product(view, view.graph().nodes[branches.front().nodes.front()], branches, activations));
  }
  return patches;
}

}  // namespace kiln::passes
