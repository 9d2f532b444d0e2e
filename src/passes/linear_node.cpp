#include "passes/linear_node.hpp"

#include <algorithm>
#include <cmath>

#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// Weights up to this size may be copied for one of several readers; larger ones are changed for a single reader only.
constexpr size_t largest_copied_bytes = 1 << 20;

bool is_padded(const Node& conv) {
  const std::string mode = string_attribute(conv, "auto_pad", "NOTSET");
  if (mode == "VALID") return false;
  if (mode != "NOTSET" && !mode.empty()) return true;
  const std::vector<int64_t> pads = ints_attribute(conv, "pads");
  return std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; });
}

}  // namespace

std::optional<LinearNode> LinearNode::match(const GraphView& view, const Node& node) {
  if (!is_plain(node) || !has_input(node, 0) || !has_input(node, 1)) return {};
  LinearNode linear(node);
  linear.weights_ = mapped_tensor(view, node.inputs[1]);
  if (linear.weights_.dtype() != DType::f32 || linear.weights_.size() == 0) return {};
  if (linear.weights_.bytes() > largest_copied_bytes && view.readers(node.inputs[1]).size() != 1) return {};
  const bool matches = linear.match_convolution(view) || linear.match_product(view);
  if (!matches || !linear.take_bias(view)) return {};
  return linear;
}

bool LinearNode::match_convolution(const GraphView&) {
  is_transposed_ = is_op(*node_, "ConvTranspose");
  if (!is_transposed_ && !is_op(*node_, "Conv")) return false;
  groups_ = int_attribute(*node_, "group", 1);
  if (weights_.rank() < 3 || groups_ < 1 || weights_.dim(0) % groups_ != 0) return false;
  is_padded_ = is_transposed_ || is_padded(*node_);
  const int64_t all = weights_.dim(0), grouped = weights_.dim(1) * groups_;
  input_ = {is_transposed_ ? all : grouped, 1, weights_.rank()};
  output_ = {is_transposed_ ? grouped : all, 1, weights_.rank()};
  return true;
}

bool LinearNode::match_product(const GraphView& view) {
  const bool is_gemm = is_op(*node_, "Gemm");
  is_matmul_ = is_op(*node_, "MatMul");
  if ((!is_gemm && !is_matmul_) || weights_.rank() != 2 || opset_of(view) < 7) return false;
  const bool turned = is_gemm && int_attribute(*node_, "transB", 0) != 0;
  is_transposed_ = !turned;
  const int64_t out = weights_.dim(turned ? 0 : 1), in = weights_.dim(turned ? 1 : 0);
  if (is_gemm) {
    alpha_ = float_attribute(*node_, "alpha", 1);
    input_ = {in, int_attribute(*node_, "transA", 0) != 0 ? 0 : 1, 2};
    output_ = {out, 1, 2};
    return true;
  }
  const SymShape* shape = shape_of(view, node_->inputs[0]);
  const int64_t rank = shape ? static_cast<int64_t>(shape->size()) : 0;
  input_ = {in, std::max<int64_t>(rank - 1, 0), rank};
  output_ = {out, std::max<int64_t>(rank - 1, 0), rank};
  return true;
}

bool LinearNode::take_bias(const GraphView& view) {
  bias_.assign(static_cast<size_t>(output_.channels), 0.0);
  has_bias_ = !is_matmul_ && has_input(*node_, 2);
  if (!has_bias_) return true;
  const Tensor bias = known_tensor(view, node_->inputs[2]);
  if (bias.dtype() != DType::f32 || bias.rank() > 2 || (bias.rank() == 2 && bias.dim(0) != 1)) return false;
  const auto elements = bias.elements<float>();
  if (elements.size() != 1 && elements.size() != bias_.size()) return false;
  const double beta = is_op(*node_, "Gemm") ? float_attribute(*node_, "beta", 1) : 1.0;
  for (size_t c = 0; c < bias_.size(); ++c) bias_[c] = beta * elements[elements.size() == 1 ? 0 : c];
  return true;
}

// A MatMul has no bias. Of matrices it can be a Gemm, which has one.
bool LinearNode::can_have_bias() const { return !is_matmul_ || input_.rank == 2; }

template <class Visit>
void LinearNode::for_each_weight(Visit&& visit) const {
  const int64_t first = weights_.dim(0), second = weights_.dim(1), rest = weights_.size() / (first * second);
  size_t index = 0;
  for (int64_t i = 0; i < first; ++i) {
    const int64_t group = i / (first / groups_);
    for (int64_t k = 0; k < second; ++k) {
      const auto one = static_cast<size_t>(i), other = static_cast<size_t>(group * second + k);
      for (int64_t r = 0; r < rest; ++r, ++index) {
        if (is_transposed_) {
          visit(index, other, one);
        } else {
          visit(index, one, other);
        }
      }
    }
  }
}

bool LinearNode::settle(std::vector<double> weights, std::vector<double> bias) {
  const auto fits = [](double number) { return std::isfinite(static_cast<float>(number)); };
  if (!std::all_of(weights.begin(), weights.end(), fits) || !std::all_of(bias.begin(), bias.end(), fits)) return false;
  Tensor changed(DType::f32, weights_.shape());
  std::transform(weights.begin(), weights.end(), changed.mutable_data<float>(),
                 [](double number) { return static_cast<float>(number); });
  const bool needs_bias = std::any_of(bias.begin(), bias.end(), [](double number) { return number != 0; });
  weights_ = std::move(changed);
  bias_ = std::move(bias);
  has_bias_ = has_bias_ || needs_bias;
  return true;
}

bool LinearNode::append(const ChannelAffine& affine) {
  if (affine.shifts() && !can_have_bias()) return false;
  if (!weights_.is_aligned()) weights_ = weights_.clone();
  const auto before = weights_.elements<float>();
  std::vector<double> weights(before.begin(), before.end()), bias = bias_;
  for_each_weight([&](size_t index, size_t out, size_t) { weights[index] *= affine.factor[out]; });
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * affine.factor[c] + affine.offset[c];
  return settle(std::move(weights), std::move(bias));
}

bool LinearNode::prepend(const ChannelAffine& affine) {
  if (affine.shifts() && (is_padded_ || !can_have_bias())) return false;
  if (!weights_.is_aligned()) weights_ = weights_.clone();
  const auto before = weights_.elements<float>();
  std::vector<double> weights(before.begin(), before.end()), bias = bias_;
  for_each_weight([&](size_t index, size_t out, size_t in) {
    bias[out] += alpha_ * weights[index] * affine.offset[in];
    weights[index] *= affine.factor[in];
  });
  return settle(std::move(weights), std::move(bias));
}

void LinearNode::emit(GraphView& view, ValueId input, ValueId output, Patch& patch) const {
  Node folded = *node_;
  const std::string weights_name = view.graph().name_of(node_->inputs[1]), output_name = view.graph().name_of(output);
  const ValueId weights = view.new_value(weights_name + "_folded");
  folded.inputs = {input, weights};
  folded.outputs = {output};
  patch.constants.push_back({weights, weights_});
  if (has_bias_) {
    Tensor bias(DType::f32, {output_.channels});
    std::transform(bias_.begin(), bias_.end(), bias.mutable_data<float>(),
                   [](double number) { return static_cast<float>(number); });
    const ValueId id = view.new_value(output_name + "_bias");
    folded.inputs.push_back(id);
    patch.constants.push_back({id, std::move(bias)});
    remove_attribute(folded, "beta");
    if (is_matmul_) folded.op_type = "Gemm";
  }
  patch.add.push_back(std::move(folded));
}

namespace {

/// Neither would `data` be widened, nor is it unknown where its channels are.
bool has_channels(const GraphView& view, ValueId data, const ChannelAxis& where) {
  const SymShape* shape = shape_of(view, data);
  return shape && where.rank > 0 && static_cast<int64_t>(shape->size()) == where.rank &&
         (*shape)[static_cast<size_t>(where.axis)] == Dim(where.channels);
}

/// The value that a node with one constant input works on.
ValueId data_of(const GraphView& view, const Node& node) {
  if (!has_input(node, 0)) return no_value;
  if (node.op_type == "BatchNormalization" || !has_input(node, 1)) return node.inputs[0];
  return mapped_tensor(view, node.inputs[0]).defined() ? node.inputs[1] : node.inputs[0];
}

std::optional<Patch> fold_behind(GraphView& view, size_t index, FindAffine affine_of, Claims& claims) {
  const Node& node = view.graph().nodes[index];
  const ValueId data = data_of(view, node);
  const Node* producer = view.producer(data);
  if (!producer || !view.has_single_reader(data)) return {};
  std::optional<LinearNode> linear = LinearNode::match(view, *producer);
  if (!linear) return {};
  const auto affine = affine_of(view, node, data, linear->output_axis());
  const size_t other = view.index_of(*producer);
  if (!affine || !linear->append(*affine) || !claims.claim({other, index})) return {};
  Patch patch{.what = "fold " + node.describe(index) + " into " + producer->describe(other), .remove = {other, index}};
  linear->emit(view, producer->inputs[0], node.outputs[0], patch);
  return patch;
}

std::optional<Patch> fold_before(GraphView& view, size_t index, FindAffine affine_of, Claims& claims) {
  const Node& node = view.graph().nodes[index];
  const ValueId data = data_of(view, node);
  if (data == no_value || !view.has_single_reader(node.outputs[0])) return {};
  const size_t other = view.readers(node.outputs[0]).front();
  const Node& reader = view.graph().nodes[other];
  if (!has_input(reader, 0) || reader.inputs[0] != node.outputs[0]) return {};
  std::optional<LinearNode> linear = LinearNode::match(view, reader);
  if (!linear || !has_channels(view, data, linear->input_axis())) return {};
  const auto affine = affine_of(view, node, data, linear->input_axis());
  if (!affine || !linear->prepend(*affine) || !claims.claim({index, other})) return {};
  Patch patch{.what = "fold " + node.describe(index) + " into " + reader.describe(other), .remove = {index, other}};
  linear->emit(view, data, reader.outputs[0], patch);
  return patch;
}

}  // namespace

std::vector<Patch> fold_affine_nodes(GraphView& view, FindAffine affine_of) {
  std::vector<Patch> patches;
  Claims claims(view);
  constexpr std::string_view names[] = {"BatchNormalization", "Add", "Sub", "Mul", "Div"};
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || std::find(std::begin(names), std::end(names), node.op_type) == std::end(names)) continue;
    std::optional<Patch> patch = fold_behind(view, i, affine_of, claims);
    if (!patch) patch = fold_before(view, i, affine_of, claims);
    if (patch) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
