#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "graph/dim.hpp"

namespace kiln {

/// Reads a whole text as an expression; nothing if it is none, is nested too deeply, or has no value as a Dim.
std::optional<Dim> parse_dim_expression(std::string_view text);

/// True if the text reads as one bare symbol name inside an expression.
bool is_plain_symbol_name(std::string_view text);

}  // namespace kiln
