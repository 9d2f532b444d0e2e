#pragma once

#include <set>
#include <string>
#include <vector>

#include "builder/typical_shapes.hpp"
#include "runtime/context.hpp"

namespace kiln {

/// Of the largest magnitude in a tensor: what Winograd's rounding adds up to in a deep network stays far below.
inline constexpr double tolerated_difference = 2e-3;

/// The difference over the largest magnitude; infinite where the tensors are not of one kind and shape, or where too
/// many elements differ that are no floats.
double off_by(const Tensor& expected, const Tensor& found);

/// Names the first step whose result is off from what the reference code makes of the same inputs, those that the
/// engine itself has come to; "" where none is.
std::string find_wrong_step(const EngineDef& engine, const std::vector<Feed>& feeds);

/// Values that follow from choices between floats (an order, a class, a threshold): where two are nearly equal,
/// rounding decides what they are.
std::set<std::string> behind_choices(const EngineDef& engine, const Facts& typical);

}  // namespace kiln
