#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/dim.hpp"

namespace kiln::passes {

/// The target of a Reshape (allowzero = 0) that gives the shape `wanted`, whatever the symbols in it are: numbers, -1
/// for the only dim that is no number, or 0 for every such dim that stands at the same place in `from`. Nothing where
/// that cannot say it. A -1 never stands beside a 0, for then a tensor without elements would have no answer; so
/// neither does it where a dim is 0 by number.
std::optional<std::vector<int64_t>> reshape_target(const SymShape* from, const SymShape& wanted);

}  // namespace kiln::passes
