#pragma once

#include <optional>
#include <vector>

#include "tactics/tactic.hpp"

namespace kiln {

/// Where the parts of a Concat lie in its output, where they can simply be written there: offsets in bytes (plain) or
/// channel blocks (blocked). Nothing where they cannot.
std::optional<std::vector<int64_t>> concat_places(const Problem& problem, Format format);
/// The same for the parts of a Split in its input.
std::optional<std::vector<int64_t>> split_places(const Problem& problem, Format format);
/// For a Split of rows: the element of a row of the input at which each part of it begins. Nothing for other splits.
std::optional<std::vector<int64_t>> split_columns(const Problem& problem);

}  // namespace kiln
