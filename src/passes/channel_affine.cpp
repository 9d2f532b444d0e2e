#include "passes/channel_affine.hpp"

#include <algorithm>
#include <cmath>

#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// The constant's elements by channel; nothing where it varies along another axis, or would widen the value.
std::optional<std::vector<double>> by_channel(const Tensor& constant, const ChannelAxis& where) {
  if (constant.dtype() != DType::f32) return {};
  const int64_t rank = constant.rank();
  if (where.rank == 0 ? rank > 1 : rank > where.rank) return {};
  const int64_t axis_from_end = where.rank == 0 ? 1 : where.rank - where.axis;
  for (int64_t i = 0; i < rank; ++i) {
    const bool is_channel = rank - i == axis_from_end;
    if (constant.dim(i) != 1 && !(is_channel && constant.dim(i) == where.channels)) return {};
  }
  const auto elements = constant.elements<float>();
  if (elements.size() == 1) return std::vector<double>(static_cast<size_t>(where.channels), elements[0]);
  return std::vector<double>(elements.begin(), elements.end());
}

bool all_finite(const std::vector<double>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
}

}  // namespace

bool ChannelAffine::shifts() const {
  return std::any_of(offset.begin(), offset.end(), [](double number) { return number != 0; });
}

std::optional<ChannelAffine> batch_norm_affine(const GraphView& view, const Node& norm, ValueId data,
                                               const ChannelAxis& where) {
  if (!is_op(norm, "BatchNormalization") || norm.inputs.size() != 5 || norm.outputs.size() != 1) return {};
  // Before version 7 the mode hangs on `is_test`, and `spatial` could ask for one mean per element.
  if (norm.inputs[0] != data || where.axis != 1 || where.rank < 2 || opset_of(view) < 7) return {};
  if (int_attribute(norm, "training_mode", 0) != 0 || int_attribute(norm, "spatial", 1) != 1) return {};
  std::vector<std::vector<double>> given;
  for (size_t i = 1; i < 5; ++i) {
    const Tensor tensor = known_tensor(view, norm.inputs[i]);
    if (tensor.dtype() != DType::f32 || tensor.rank() != 1 || tensor.dim(0) != where.channels) return {};
    const auto elements = tensor.elements<float>();
    given.emplace_back(elements.begin(), elements.end());
  }
  const double epsilon = float_attribute(norm, "epsilon", 1e-5f);
  ChannelAffine affine;
  for (size_t c = 0; c < given[0].size(); ++c) {
    affine.factor.push_back(given[0][c] / std::sqrt(given[3][c] + epsilon));
    affine.offset.push_back(given[1][c] - given[2][c] * affine.factor[c]);
  }
  if (!all_finite(affine.factor) || !all_finite(affine.offset)) return {};
  return affine;
}

std::optional<ChannelAffine> arithmetic_affine(const GraphView& view, const Node& node, ValueId data,
                                               const ChannelAxis& where) {
  // Before version 7 broadcasting was asked for by attributes.
  if (!is_plain(node) || node.inputs.size() != 2 || node.inputs[0] == node.inputs[1] || opset_of(view) < 7) return {};
  const bool data_first = node.inputs[0] == data;
  if (!data_first && node.inputs[1] != data) return {};
  const Tensor constant = known_tensor(view, node.inputs[data_first ? 1 : 0]);
  if (!constant.defined()) return {};
  const auto numbers = by_channel(constant, where);
  if (!numbers || !all_finite(*numbers)) return {};
  const size_t count = numbers->size();
  ChannelAffine affine{std::vector<double>(count, 1.0), std::vector<double>(count, 0.0)};
  if (node.op_type == "Add") {
    affine.offset = *numbers;
  } else if (node.op_type == "Sub") {
    affine.offset = *numbers;
    std::vector<double>& negative = data_first ? affine.offset : affine.factor;
    for (double& number : negative) number = -number;
  } else if (node.op_type == "Mul") {
    affine.factor = *numbers;
  } else if (node.op_type == "Div" && data_first) {
    for (size_t c = 0; c < count; ++c) affine.factor[c] = 1.0 / (*numbers)[c];
    if (!all_finite(affine.factor)) return {};
  } else {
    return {};
  }
  return affine;
}

}  // namespace kiln::passes
