#pragma once

#include <optional>
#include <vector>

#include "passes/match.hpp"

namespace kiln::passes {

/// Walks up from the last node of a decomposed operator and gathers the nodes that one standard node can stand for.
/// Every node below the root must be read inside the pattern alone, or it would have to stay.
class Pattern {
 public:
  Pattern(const GraphView& view, size_t root) : view_(&view), nodes_{root} {}

  const GraphView& view() const { return *view_; }
  const Node& root() const { return view_->graph().nodes[nodes_.front()]; }
  const std::vector<size_t>& nodes() const { return nodes_; }

  /// The node that makes `id` if it is this operator and only the pattern reads it; null otherwise.
  const Node* take(ValueId id, std::string_view op_type);
  /// As take(), where several nodes read the value, all of them taken before.
  const Node* take_shared(ValueId id, std::string_view op_type);

  /// For `op` of a value and a constant scalar, in either order where the operator does not mind: the value.
  std::optional<ValueId> take_with_constant(ValueId id, std::string_view op_type, double constant);

  /// A patch that puts `node` in the place of all of them; nothing where it would read what they make.
  std::optional<Patch> replace_by(Node node, const std::string& what) const;

 private:
  bool contains(size_t index) const;
  const Node* add(ValueId id, std::string_view op_type);

  const GraphView* view_;
  std::vector<size_t> nodes_;
};

/// A value as a product: constant * factors[0] * factors[1] ...
struct Product {
  double constant = 1;
  std::vector<ValueId> factors;
};

/// Opens Mul by anything and Div by scalars, from the root of the pattern or from a value that only it reads.
std::optional<Product> root_product(Pattern& pattern);
Product take_product(Pattern& pattern, ValueId id);

/// A known f32 scalar that widens nothing but another scalar.
std::optional<double> scalar_of(const GraphView& view, ValueId id);
bool is_scalar(const GraphView& view, ValueId id, double expected);

/// The value is f32 of known rank and at least one axis, so that scalars beside it do not widen it.
bool is_f32_tensor(const GraphView& view, ValueId id);

/// A Conv that computes each pixel of its output from the same pixel of its input, of f32 with known weights.
bool is_pointwise(const GraphView& view, const Node& conv);

/// Tries `match` at each node; for a rewrite of one node in the place of many.
template <class Match>
std::vector<Patch> find_patterns(GraphView& view, Match&& match) {
  std::vector<Patch> patches;
  Claims claims(view);
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    if (!is_plain(view.graph().nodes[i])) continue;
    std::optional<Patch> patch = match(i);
    if (patch && claims.claim(patch->remove)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
