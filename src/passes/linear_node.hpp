#pragma once

#include <optional>
#include <vector>

#include "passes/channel_affine.hpp"
#include "passes/patch.hpp"

namespace kiln::passes {

/// A Conv, ConvTranspose, Gemm or MatMul with constant f32 weights (and bias), open to a factor and an offset for each
/// channel that goes in or comes out.
class LinearNode {
 public:
  static std::optional<LinearNode> match(const GraphView& view, const Node& node);

  ChannelAxis input_axis() const { return input_; }
  ChannelAxis output_axis() const { return output_; }

  /// Weights and bias such that the node alone gives affine(node(x)), or node(affine(x)). False where they cannot:
  /// an offset before padding, or numbers that f32 does not hold.
  bool append(const ChannelAffine& affine);
  bool prepend(const ChannelAffine& affine);

  /// Adds the node as it is now, reading `input` and writing `output`, and its new constants.
  void emit(GraphView& view, ValueId input, ValueId output, Patch& patch) const;

 private:
  LinearNode(const Node& node) : node_(&node) {}
  bool match_convolution(const GraphView& view);
  bool match_product(const GraphView& view);
  bool take_bias(const GraphView& view);
  bool can_have_bias() const;
  bool settle(std::vector<double> weights, std::vector<double> bias);
  /// Calls visit(index of a weight, channel out, channel in) for each weight.
  template <class Visit>
  void for_each_weight(Visit&& visit) const;

  const Node* node_;
  Tensor weights_;
  std::vector<double> bias_;  ///< one for each channel out; what the node adds in all
  bool has_bias_ = false;
  bool is_transposed_ = false;  ///< weights [in, out / groups, ...], not [out, in / groups, ...]
  bool is_padded_ = false;
  bool is_matmul_ = false;
  int64_t groups_ = 1;
  double alpha_ = 1;  ///< Gemm's factor for its product
  ChannelAxis input_, output_;
};

/// Finds `affine_of` nodes beside linear nodes and folds them; what BatchNormalization and plain arithmetic share.
using FindAffine = std::optional<ChannelAffine> (*)(const GraphView& view, const Node& node, ValueId data,
                                                    const ChannelAxis& where);
std::vector<Patch> fold_affine_nodes(GraphView& view, FindAffine affine_of);

}  // namespace kiln::passes
