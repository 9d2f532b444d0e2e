#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tactics/tactic.hpp"

namespace kiln {

/// The integers of a constant i32 or i64 input; nothing where it is left out or not constant.
std::optional<std::vector<int64_t>> constant_ints(const Problem& problem, size_t input);

}  // namespace kiln
