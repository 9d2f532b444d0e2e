#include "runtime/node_cost.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <variant>

namespace kiln {
namespace {

/// What the formulas see of a node. A shape that is not known ends the count by `unknown`.
struct Unknown {};

struct NodeSizes {
  const Node& node;
  std::span<const Fact*const> inputs, outputs;

  bool has(std::span<const Fact* const> side, size_t index) const { return index < side.size() && side[index]; }
  double size(std::span<const Fact* const> side, size_t index) const {
    if (!has(side, index)) throw Unknown();
    const std::optional<double> size = known_size(side[index]->type);
    if (!size) throw Unknown();
    return *size;
  }
  double in(size_t index) const { return size(inputs, index); }
  double out(size_t index) const { return size(outputs, index); }
  /// Dim `axis` of an input; negative ones count from the end.
  double dim(size_t index, int64_t axis) const {
    if (!has(inputs, index) || !inputs[index]->type.shape) throw Unknown();
    const SymShape& shape = *inputs[index]->type.shape;
    if (axis < 0) axis += static_cast<int64_t>(shape.size());
    if (axis < 0 || axis >= static_cast<int64_t>(shape.size())) return 1;
    if (!shape[static_cast<size_t>(axis)].is_known()) throw Unknown();
    return static_cast<double>(shape[static_cast<size_t>(axis)].value());
  }
  int64_t attribute(std::string_view name, int64_t otherwise) const {
    const Attribute* found = node.find_attribute(name);
    const int64_t* value = found ? std::get_if<int64_t>(&found->data) : nullptr;
    return value ? *value : otherwise;
  }
  double product(std::string_view name) const {
    const Attribute* found = node.find_attribute(name);
    const auto* values = found ? std::get_if<std::vector<int64_t>>(&found->data) : nullptr;
    double result = 1;
    for (const int64_t value : values ? *values : std::vector<int64_t>()) result *= static_cast<double>(value);
    return result;
  }
};

/// Each output element takes a dot product with one filter, W [filters, channels / group, kernel...].
double convolution(const NodeSizes& sizes, size_t weight, size_t bias) {
  const double filter = sizes.in(weight) / std::max(1.0, sizes.dim(weight, 0));
  return sizes.out(0) * (2 * filter + (sizes.has(sizes.inputs, bias) ? 1 : 0));
}
double conv(const NodeSizes& sizes) { return convolution(sizes, 1, 2); }
double qlinear_conv(const NodeSizes& sizes) { return convolution(sizes, 3, 8); }
double conv_integer(const NodeSizes& sizes) { return convolution(sizes, 1, SIZE_MAX); }
/// W is [channels, filters / group, kernel...]: each input element meets all of its channel's weights.
double conv_transpose(const NodeSizes& sizes) {
  return 2 * sizes.in(0) * sizes.in(1) / std::max(1.0, sizes.dim(1, 0)) +
         (sizes.has(sizes.inputs, 2) ? sizes.out(0) : 0);
}
double deform_conv(const NodeSizes& sizes) { return convolution(sizes, 1, 3) + 8 * sizes.in(2) / 2; }

double matmul(const NodeSizes& sizes) { return 2 * sizes.out(0) * sizes.dim(0, -1); }
double gemm(const NodeSizes& sizes) {
  const double depth = sizes.attribute("transA", 0) != 0 ? sizes.dim(0, 0) : sizes.dim(0, 1);
  return sizes.out(0) * (2 * depth + (sizes.has(sizes.inputs, 2) ? 1 : 0));
}
/// The product of all the extents that the equation's letters stand for.
double einsum(const NodeSizes& sizes) {
  const Attribute* found = sizes.node.find_attribute("equation");
  const auto* equation = found ? std::get_if<std::string>(&found->data) : nullptr;
  if (!equation) throw Unknown();
  std::set<char> seen;
  double extents = 1, ellipsis = 1;
  size_t input = 0;
  int64_t axis = 0;
  for (size_t i = 0; i < equation->size() && (*equation)[i] != '-'; ++i) {
    const char letter = (*equation)[i];
    if (letter == ',') {
      ++input;
      axis = 0;
    } else if (letter == '.') {
      if (equation->compare(i, 3, "...") != 0) throw Unknown();
      // The letters behind an ellipsis count from the end.
      const size_t end = equation->find_first_of(",-", i);
      const std::string rest = equation->substr(i + 3, (end == std::string::npos ? equation->size() : end) - i - 3);
      const auto named = std::count_if(rest.begin(), rest.end(), [](char c) { return c != ' '; });
      double all = sizes.in(input), others = 1;
      const int64_t rank = static_cast<int64_t>(sizes.inputs[input]->type.shape->size());
      for (int64_t k = 0; k < axis; ++k) others *= sizes.dim(input, k);
      for (int64_t k = rank - named; k < rank; ++k) others *= sizes.dim(input, k);
      ellipsis = std::max(ellipsis, others == 0 ? 0 : all / others);
      axis = rank - named;
      i += 2;
    } else if (letter != ' ') {
      if (seen.insert(letter).second) extents *= sizes.dim(input, axis);
      ++axis;
    }
  }
  return extents * ellipsis * (sizes.inputs.size() > 1 ? 2 : 1);
}

/// Per step and direction: gates of input and recurrent products, and a few operations an element.
double recurrent(const NodeSizes& sizes, double gates, double elementwise) {
  const double positions = sizes.dim(0, 0) * sizes.dim(0, 1), directions = sizes.dim(1, 0);
  const double hidden = sizes.dim(2, 2), features = sizes.dim(1, 2);
  return positions * directions * hidden * (gates * 2 * (features + hidden + 1) + elementwise);
}
double rnn(const NodeSizes& sizes) { return recurrent(sizes, 1, 1); }
double gru(const NodeSizes& sizes) { return recurrent(sizes, 3, 7); }
double lstm(const NodeSizes& sizes) { return recurrent(sizes, 4, 9); }

/// Q K' and the product with V, and a softmax between them. Q is [.., queries, width], or [batch, heads, ..].
double attention(const NodeSizes& sizes) {
  const double width = sizes.dim(0, -1), queries = sizes.in(0) / std::max(1.0, width);
  double keys = sizes.dim(1, -2);
  if (sizes.has(sizes.inputs, 4) && sizes.inputs[4]->type.shape) keys += sizes.dim(4, -2);
  return queries * keys * (4 * width + 5 * static_cast<double>(sizes.attribute("q_num_heads", 1)));
}

double pool(const NodeSizes& sizes) { return sizes.out(0) * sizes.product("kernel_shape"); }
double per_input(const NodeSizes& sizes) { return sizes.in(0); }
double sum_of_inputs(const NodeSizes& sizes) {
  return sizes.out(0) * static_cast<double>(std::max<size_t>(1, sizes.inputs.size()) - 1);
}
double times_out(const NodeSizes& sizes, double each) { return sizes.out(0) * each; }
double softmax(const NodeSizes& sizes) { return times_out(sizes, 5); }
double normalisation(const NodeSizes& sizes) { return times_out(sizes, 8); }
double scale_and_shift(const NodeSizes& sizes) { return times_out(sizes, 2); }
double activation(const NodeSizes& sizes) { return times_out(sizes, 4); }
/// A weighted sum of two neighbours along each axis that is resized.
double resize(const NodeSizes& sizes) {
  const Attribute* mode = sizes.node.find_attribute("mode");
  const auto* text = mode ? std::get_if<std::string>(&mode->data) : nullptr;
  if (!text || *text == "nearest") return 0;
  if (!sizes.has(sizes.inputs, 0) || !sizes.has(sizes.outputs, 0)) throw Unknown();
  const double taps = *text == "cubic" ? 4 : 2;
  double resized = 0;
  const size_t rank = sizes.inputs[0]->type.shape ? sizes.inputs[0]->type.shape->size() : 0;
  for (size_t i = 0; i < rank; ++i) {
    const auto& out = sizes.outputs[0]->type.shape;
    if (out && i < out->size() && !((*out)[i] == (*sizes.inputs[0]->type.shape)[i])) resized += 1;
  }
  double neighbours = 1;
  for (double i = 0; i < resized; ++i) neighbours *= taps;
  return sizes.out(0) * (resized == 0 ? 0 : 2 * neighbours);
}
double grid_sample(const NodeSizes& sizes) { return times_out(sizes, 8); }
/// A transform by radix: 5 n log2 n is the customary count.
double fourier(const NodeSizes& sizes) {
  const double length = std::max(2.0, sizes.has(sizes.inputs, 0) ? sizes.dim(0, 1) : 2);
  double levels = 0;
  for (double n = 1; n < length; n *= 2) ++levels;
  return sizes.out(0) * 2.5 * levels;
}
double nothing(const NodeSizes&) { return 0; }

struct Formula {
  std::string_view op;
  double (*flops)(const NodeSizes&);
};

/// Operators that do not do one operation for each element of their first output.
constexpr Formula formulas[] = {
    {"Conv", conv},
    {"QLinearConv", qlinear_conv},
    {"ConvInteger", conv_integer},
    {"ConvTranspose", conv_transpose},
    {"DeformConv", deform_conv},
    {"CausalConvWithState", conv},
    {"MatMul", matmul},
    {"MatMulInteger", matmul},
    {"QLinearMatMul", matmul},
    {"Gemm", gemm},
    {"Einsum", einsum},
    {"RNN", rnn},
    {"GRU", gru},
    {"LSTM", lstm},
    {"Attention", attention},
    {"FlexAttention", attention},
    {"MaxPool", pool},
    {"AveragePool", pool},
    {"LpPool", pool},
    {"GlobalAveragePool", per_input},
    {"GlobalMaxPool", per_input},
    {"GlobalLpPool", per_input},
    {"ReduceSum", per_input},
    {"ReduceMean", per_input},
    {"ReduceMax", per_input},
    {"ReduceMin", per_input},
    {"ReduceProd", per_input},
    {"ReduceL1", per_input},
    {"ReduceL2", per_input},
    {"ReduceLogSum", per_input},
    {"ReduceLogSumExp", per_input},
    {"ReduceSumSquare", per_input},
    {"ArgMax", per_input},
    {"ArgMin", per_input},
    {"CumSum", per_input},
    {"CumProd", per_input},
    {"TopK", per_input},
    {"Sum", sum_of_inputs},
    {"Mean", sum_of_inputs},
    {"Max", sum_of_inputs},
    {"Min", sum_of_inputs},
    {"Softmax", softmax},
    {"LogSoftmax", softmax},
    {"Hardmax", softmax},
    {"LayerNormalization", normalisation},
    {"InstanceNormalization", normalisation},
    {"GroupNormalization", normalisation},
    {"RMSNormalization", normalisation},
    {"LpNormalization", normalisation},
    {"MeanVarianceNormalization", normalisation},
    {"LRN", normalisation},
    {"BatchNormalization", scale_and_shift},
    {"QuantizeLinear", scale_and_shift},
    {"DequantizeLinear", scale_and_shift},
    {"RotaryEmbedding", scale_and_shift},
    {"Gelu", activation},
    {"Mish", activation},
    {"Swish", activation},
    {"Sigmoid", activation},
    {"Tanh", activation},
    {"Erf", activation},
    {"Softplus", activation},
    {"Resize", resize},
    {"Upsample", resize},
    {"GridSample", grid_sample},
    {"RoiAlign", grid_sample},
    {"DFT", fourier},
    {"STFT", fourier},
    {"Cast", nothing},
    {"CastLike", nothing},
    {"BitCast", nothing},
    {"Concat", nothing},
    {"Split", nothing},
    {"Slice", nothing},
    {"Gather", nothing},
    {"GatherElements", nothing},
    {"GatherND", nothing},
    {"ScatterElements", nothing},
    {"ScatterND", nothing},
    {"Scatter", nothing},
    {"TensorScatter", nothing},
    {"Transpose", nothing},
    {"Reshape", nothing},
    {"Flatten", nothing},
    {"Squeeze", nothing},
    {"Unsqueeze", nothing},
    {"Identity", nothing},
    {"Dropout", nothing},
    {"Expand", nothing},
    {"Tile", nothing},
    {"Pad", nothing},
    {"CenterCropPad", nothing},
    {"DepthToSpace", nothing},
    {"SpaceToDepth", nothing},
    {"Where", nothing},
    {"Constant", nothing},
    {"ConstantOfShape", nothing},
    {"Shape", nothing},
    {"Size", nothing},
    {"OneHot", nothing},
    {"EyeLike", nothing},
    {"NonZero", nothing},
    {"Compress", nothing},
    {"ReverseSequence", nothing},
    {"Trilu", nothing},
    {"Col2Im", nothing},
    {"MaxUnpool", nothing},
    {"Unique", nothing},
    {"If", nothing},
    {"Loop", nothing},
    {"Scan", nothing},
    {"SequenceMap", nothing},
};

/// Operators that hand on their input's memory, or look at its shape only.
constexpr std::string_view views[] = {"Reshape",
                                      "Flatten",
                                      "Squeeze",
                                      "Unsqueeze",
                                      "Identity",
                                      "Dropout",
                                      "Shape",
                                      "Size",
                                      "If",
                                      "Loop",
                                      "Scan",
                                      "SequenceMap",
                                      "Optional",
                                      "OptionalGetElement",
                                      "OptionalHasElement",
                                      "Constant"};

double type_bytes(const Fact* fact) {
  if (!fact || !fact->type.is_tensor()) return 0;
  const std::optional<double> size = known_size(fact->type);
  if (!size) throw Unknown();
  return *size * static_cast<double>(dtype_size(fact->type.dtype));
}

}  // namespace

std::optional<double> known_size(const Type& type) {
  if (!type.is_tensor() || !type.shape) return std::nullopt;
  double size = 1;
  for (const Dim& dim : *type.shape) {
    if (!dim.is_known()) return std::nullopt;
    size *= static_cast<double>(dim.value());
  }
  return size;
}

std::optional<NodeCost> node_cost(const Node& node, std::span<const Fact* const> inputs,
                                  std::span<const Fact* const> outputs) {
  const NodeSizes sizes{node, inputs, outputs};
  NodeCost cost;
  try {
    if (std::find(std::begin(views), std::end(views), node.op_type) != std::end(views)) return cost;
    for (const Fact* fact : inputs) cost.bytes_read += type_bytes(fact);
    for (const Fact* fact : outputs) cost.bytes_written += type_bytes(fact);
    const auto formula = std::find_if(std::begin(formulas), std::end(formulas),
                                      [&](const Formula& row) { return row.op == node.op_type; });
    if (formula != std::end(formulas)) {
      cost.flops = formula->flops(sizes);
    } else if (sizes.has(outputs, 0) && outputs[0]->type.is_tensor()) {
      cost.flops = sizes.out(0);
    }
    return cost;
  } catch (const Unknown&) {
    return std::nullopt;
  }
}

}  // namespace kiln
