#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "passes/patch.hpp"

/// What several passes ask of nodes that only move elements.
namespace kiln::passes {

/// Gives the elements of its input in the same order under another shape.
bool is_reshape(const Node& node);

/// Computes each element from one element of its first input; what other inputs it has are scalars.
bool is_unary(const Node& node);

/// Output axis i of a Transpose is input axis perm[i]. Without the attribute all axes are turned round, which takes
/// the rank.
std::optional<std::vector<int64_t>> permutation_of(const GraphView& view, const Node& node);

/// Whether the axes that are not 1 stay in their order.
bool keeps_order(const SymShape& shape, const std::vector<int64_t>& perm);

/// Whether two shapes differ in axes of 1 only.
bool same_but_ones(const SymShape& a, const SymShape& b);

}  // namespace kiln::passes
