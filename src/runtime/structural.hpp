#pragma once

#include <optional>
#include <vector>

#include "runtime/machine.hpp"

namespace kiln {

/// Where the parts of a Concat lie in its output, where they can simply be written there: offsets in bytes (plain) or
/// channel blocks (blocked). Nothing where they cannot.
std::optional<std::vector<int64_t>> concat_places(const Problem& problem, Format format);
/// The same for the parts of a Split in its input.
std::optional<std::vector<int64_t>> split_places(const Problem& problem, Format format);
/// For a Split of rows: the element of a row of the input at which each part of it begins. Nothing for other splits.
std::optional<std::vector<int64_t>> split_columns(const Problem& problem);

/// For an If whose condition is known and whose branch only shows values from around it under other shapes: the value
/// behind each output. Nothing for others.
std::optional<std::vector<ValueId>> shown_values(const Program& program, const Facts& facts, const Node& node);

}  // namespace kiln
