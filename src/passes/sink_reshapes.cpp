#include <algorithm>
#include <array>
#include <span>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"
#include "passes/moves.hpp"
#include "passes/reshape_target.hpp"

namespace kiln::passes {
namespace {

constexpr std::array<std::string_view, 5> binaries{"Add", "Sub", "Mul", "Div", "Pow"};

bool is_any_of(const Node& node, std::span<const std::string_view> names) {
  return node.domain.empty() && std::find(names.begin(), names.end(), node.op_type) != names.end();
}

/// The nodes behind a Reshape that may as well come before it.
class Chain {
 public:
  Chain(GraphView& view, size_t reshape, Patch& patch)
      : view_(view), patch_(patch), name_(view.graph().name_of(view.graph().nodes[reshape].outputs[0])) {
    const Node& node = view.graph().nodes[reshape];
    source_ = node.inputs[0];
    shape_ = *shape_of(view, source_);
    end_ = node.outputs[0];
    patch_.remove.push_back(reshape);
  }

  /// Takes the only reader of the end; false where there is none that can come before the Reshape.
  bool extend() {
    if (!view_.has_single_reader(end_)) return false;
    const size_t index = view_.readers(end_).front();
    const Node& node = view_.graph().nodes[index];
    if (!is_plain(node) || !shape_of(view_, end_) || !shape_of(view_, node.outputs[0])) return false;
    if (!take_elementwise(node) && !take_row_wise(node) && !take_matmul(node) && !take_gemm(node)) return false;
    patch_.remove.push_back(index);
    end_ = node.outputs[0];
    return true;
  }

  /// Puts the Reshape behind them all; false where a constant target cannot say it.
  bool close() {
    const auto target = reshape_target(&shape_, *shape_of(view_, end_));
    if (!target) return false;
    const ValueId shape = constant(Tensor::vector(*target), "_shape");
    patch_.add.push_back(make_node("Reshape", {source_, shape}, end_, view_.graph().nodes[patch_.remove.front()]));
    return true;
  }

 private:
  /// The last axis is the same with the Reshape and without.
  bool keeps_last() const {
    const SymShape& seen = *shape_of(view_, end_);
    return !seen.empty() && !shape_.empty() && seen.back().is_known() && seen.back() == shape_.back();
  }

  bool take_elementwise(const Node& node) {
    if (is_unary(node) && node.inputs[0] == end_) {
      append(node, 0);
      return true;
    }
    if (!is_any_of(node, binaries) || node.inputs.size() != 2 || node.inputs[0] == node.inputs[1]) return false;
    const size_t data = node.inputs[0] == end_ ? 0 : 1;
    const Tensor* other = view_.constant(node.inputs[1 - data]);
    if (!other || other->rank() > 1 || shape_.empty() || shape_of(view_, end_)->empty()) return false;
    if (other->size() != 1 && !(keeps_last() && shape_.back() == Dim(other->size()))) return false;
    append(node, data);
    return true;
  }

  /// Softmax and LayerNormalization of the last axis.
  bool take_row_wise(const Node& node) {
    const bool normalises = is_op(node, "LayerNormalization") || is_op(node, "RMSNormalization");
    if ((!normalises && !is_op(node, "Softmax")) || node.inputs[0] != end_ || !keeps_last()) return false;
    const int64_t axis = int_attribute(node, "axis", -1);
    if (axis != -1 && axis != static_cast<int64_t>(shape_of(view_, end_)->size()) - 1) return false;
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      const Tensor* parameter = view_.constant(node.inputs[i]);
      if (!parameter || parameter->rank() != 1) return false;
    }
    append(node, 0);
    set_attribute(patch_.add.back(), int_value("axis", -1));
    return true;
  }

  bool take_matmul(const Node& node) {
    const Tensor* weights = is_op(node, "MatMul") && node.inputs[0] == end_ ? view_.constant(node.inputs[1]) : nullptr;
    if (!weights || weights->rank() != 2 || !keeps_last()) return false;
    if (shape_.size() < 2 || shape_of(view_, end_)->size() < 2) return false;
    append(node, 0);
    shape_.back() = Dim(weights->dim(1));
    return true;
  }

  /// A Gemm of flattened rows is a MatMul of what was flattened, and an Add.
  bool take_gemm(const Node& node) {
    if (!is_op(node, "Gemm") || node.inputs[0] != end_ || shape_.size() < 3 || !keeps_last()) return false;
    if (float_attribute(node, "alpha", 1) != 1 || float_attribute(node, "beta", 1) != 1) return false;
    const Tensor weights = known_matrix(node);
    if (!weights.defined() || int_attribute(node, "transA", 0) != 0) return false;
    const bool adds = has_input(node, 2);
    const Tensor* bias = adds ? view_.constant(node.inputs[2]) : nullptr;
    if (adds && (!bias || bias->rank() != 1 || bias->size() != weights.dim(1))) return false;
    const ValueId matrix = is_turned(node) ? constant(weights, "_turned") : node.inputs[1];
    const ValueId product = fresh();
    patch_.add.push_back(make_node("MatMul", {source_, matrix}, product, node));
    source_ = product;
    if (adds) {
      source_ = fresh();
      patch_.add.push_back(make_node("Add", {product, node.inputs[2]}, source_, node));
    }
    shape_.back() = Dim(weights.dim(1));
    return true;
  }

  static bool is_turned(const Node& node) { return int_attribute(node, "transB", 0) != 0; }

  /// The weights of a Gemm as [in, out].
  Tensor known_matrix(const Node& node) const {
    const Tensor* found = view_.constant(node.inputs[1]);
    if (!found || found->dtype() != DType::f32 || found->rank() != 2) return {};
    if (!is_turned(node)) return *found;
    const Tensor from = found->is_aligned() ? *found : found->clone();
    const int64_t rows = from.dim(0), columns = from.dim(1);
    Tensor turned(DType::f32, {columns, rows});
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        turned.mutable_data<float>()[j * rows + i] = from.data<float>()[i * columns + j];
      }
    }
    return turned;
  }

  void append(Node node, size_t data) {
    node.inputs[data] = source_;
    source_ = fresh();
    node.outputs = {source_};
    patch_.add.push_back(std::move(node));
  }

  ValueId fresh() { return view_.new_value(name_ + "_sunk"); }
  ValueId constant(Tensor tensor, const char* hint) {
    const ValueId id = view_.new_value(name_ + hint);
    patch_.constants.push_back({id, std::move(tensor)});
    return id;
  }

  GraphView& view_;
  Patch& patch_;
  std::string name_;
  ValueId source_ = no_value, end_ = no_value;
  SymShape shape_;  ///< of `source_`
};

}  // namespace

/// What works on each element, or on each row, does so whatever the shape: a Reshape before it comes after it, where it
/// may meet another one. Products and what is added to them then stand side by side.
std::vector<Patch> find_high_reshapes(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 18) return patches;
  Claims claims(view);
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !is_reshape(node) || !has_input(node, 0) || !shape_of(view, node.inputs[0])) continue;
    if (view.fact(node.inputs[0]).constant.defined()) continue;
    Patch patch{.what = "move " + node.describe(i) + " behind what it does not matter to"};
    Chain chain(view, i, patch);
    bool moved = false;
    while (chain.extend()) moved = true;
    if (moved && chain.close() && claims.claim(patch.remove)) patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
