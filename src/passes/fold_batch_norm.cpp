#include <cmath>

#include "passes/all_passes.hpp"

namespace kiln::passes {
namespace {

/// y = scale * (x - mean) / sqrt(variance + epsilon) + shift, for each channel: y = factor * x + offset.
struct Affine {
  std::vector<double> factor, offset;
};

std::vector<double> doubles(const Tensor& tensor) {
  const Tensor aligned = tensor.is_aligned() ? tensor : tensor.clone();
  const auto elements = aligned.elements<float>();
  return {elements.begin(), elements.end()};
}

std::optional<Affine> affine_of(const GraphView& view, const Node& norm) {
  if (norm.inputs.size() != 5 || norm.outputs.size() != 1) return {};
  // Before version 7 the mode hangs on `is_test`, and `spatial` could ask for one mean per element.
  const auto opset = view.opsets().find("");
  if (opset == view.opsets().end() || opset->second < 7) return {};
  if (int_attribute(norm, "training_mode", 0) != 0 || int_attribute(norm, "spatial", 1) != 1) return {};
  std::vector<std::vector<double>> given;
  for (size_t i = 1; i < 5; ++i) {
    const Tensor* tensor = view.constant(norm.inputs[i]);
    if (!tensor || tensor->dtype() != DType::f32 || tensor->rank() != 1) return {};
    given.push_back(doubles(*tensor));
    if (given.back().size() != given.front().size()) return {};
  }
  const Attribute* attribute = norm.find_attribute("epsilon");
  const double epsilon = attribute ? std::get<float>(attribute->data) : 1e-5f;
  Affine affine;
  for (size_t c = 0; c < given[0].size(); ++c) {
    affine.factor.push_back(given[0][c] / std::sqrt(given[3][c] + epsilon));
    affine.offset.push_back(given[1][c] - given[2][c] * affine.factor[c]);
  }
  return affine;
}

Tensor scaled_weights(const Tensor& weights, const std::vector<double>& factor) {
  Tensor scaled = weights.clone();
  float* element = scaled.mutable_data<float>();
  const int64_t per_channel = weights.size() / static_cast<int64_t>(factor.size());
  for (double by : factor) {
    for (int64_t i = 0; i < per_channel; ++i, ++element) *element = static_cast<float>(*element * by);
  }
  return scaled;
}

Tensor folded_bias(const Tensor* bias, const Affine& affine) {
  Tensor folded(DType::f32, {static_cast<int64_t>(affine.factor.size())});
  const std::vector<double> before = bias ? doubles(*bias) : std::vector<double>(affine.factor.size(), 0.0);
  for (size_t c = 0; c < before.size(); ++c) {
    folded.mutable_data<float>()[c] = static_cast<float>(before[c] * affine.factor[c] + affine.offset[c]);
  }
  return folded;
}

}  // namespace

/// Conv is linear, so a factor and an offset for each of its output channels go into its weights and its bias.
std::vector<Patch> find_batch_norms(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& norm = graph.nodes[i];
    if (!norm.domain.empty() || norm.op_type != "BatchNormalization" || norm.inputs[0] == no_value) continue;
    const Node* conv = view.producer_if(norm.inputs[0], "Conv");
    if (!conv || !view.has_single_reader(norm.inputs[0])) continue;
    const bool has_bias = conv->inputs.size() > 2 && conv->inputs[2] != no_value;
    const Tensor* weights = view.constant(conv->inputs[1]);
    const Tensor* bias = has_bias ? view.constant(conv->inputs[2]) : nullptr;
    if (!weights || weights->dtype() != DType::f32 || (has_bias && (!bias || bias->dtype() != DType::f32))) continue;
    const std::optional<Affine> affine = affine_of(view, norm);
    if (!affine || weights->rank() < 3 || weights->dim(0) != static_cast<int64_t>(affine->factor.size())) continue;

    const size_t conv_index = view.index_of(*conv);
    Patch patch{.what = "fold " + norm.describe(i) + " into " + conv->describe(conv_index), .remove = {conv_index, i}};
    Node folded = *conv;
    folded.outputs = {norm.outputs[0]};
    const ValueId new_weights = view.new_value(graph.name_of(conv->inputs[1]) + "_folded");
    const ValueId new_bias = view.new_value(graph.name_of(norm.outputs[0]) + "_bias");
    folded.inputs = {conv->inputs[0], new_weights, new_bias};
    patch.constants = {{new_weights, scaled_weights(*weights, affine->factor)}, {new_bias, folded_bias(bias, *affine)}};
    patch.add.push_back(std::move(folded));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
