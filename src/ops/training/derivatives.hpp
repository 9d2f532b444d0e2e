#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ops/training/dense.hpp"

namespace kiln::ops {

/// One node on the way back from y to the xs: its values from the way there, the gradients of its outputs, and where
/// those of its inputs go.
class Derivation {
 public:
  Derivation(const NodeView& node, std::vector<const Tensor*> inputs, std::vector<const Tensor*> outputs,
             std::vector<std::optional<Dense>*> input_gradients, std::vector<const std::optional<Dense>*> gradients)
      : node_(node),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        input_gradients_(std::move(input_gradients)),
        gradients_(std::move(gradients)) {}

  const NodeView& node() const { return node_; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  bool has_input(size_t index) const { return index < inputs_.size() && inputs_[index]; }
  const Tensor& input(size_t index) const;
  const Tensor& output(size_t index) const;
  Dense x(size_t index) const { return Dense(input(index)); }
  Dense y(size_t index = 0) const { return Dense(output(index)); }
  /// The gradient of an output: zero where y does not depend on it.
  Dense gradient(size_t index = 0) const;

  /// Whether the gradient of this input is asked for.
  bool wants(size_t index) const { return index < input_gradients_.size() && input_gradients_[index]; }
  /// Adds to the gradient of an input; what was broadcast is summed.
  void give(size_t index, const Dense& gradient);

 private:
  const NodeView& node_;
  std::vector<const Tensor*> inputs_, outputs_;
  std::vector<std::optional<Dense>*> input_gradients_;
  std::vector<const std::optional<Dense>*> gradients_;
};

using DerivativeRule = void (*)(Derivation&);

/// Null when the operator has no rule.
DerivativeRule find_derivative(std::string_view domain, std::string_view op_type);

}  // namespace kiln::ops
