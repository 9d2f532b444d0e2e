#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tactics/tactic.hpp"

/// What tactics for pooling, normalising, resizing and reducing share.
namespace kiln {

/// Why no kernel that does one node on f32 tensors with elements can do the problem; "" if one may.
std::string decline_row_problem(const Problem& problem);

/// The tensor is one or two spatial axes after batch and channels, as blocked layouts hold.
bool is_image(const Shape& shape);

/// Which axes of input 0 a Reduce... or Global...Pool gathers; nothing where that is known in a run only.
std::optional<std::vector<bool>> reduced_axes(const Problem& problem);

/// Only input 0 and output 0 blocked.
Formats blocked_ends(const Problem& problem);

std::vector<Tuning> no_tuning(const Problem& problem);
/// Of a kernel that only moves.
double moving_cost(const Problem& problem, const Tuning& tuning);
/// Of a kernel that does so many multiply-adds for each element of input 0.
double element_cost(const Problem& problem, double multiply_adds);

}  // namespace kiln
