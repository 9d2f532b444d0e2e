#pragma once

#include <string>
#include <string_view>

namespace kiln::cli {

/// Text as HTML shows it, without control characters.
std::string html_text(std::string_view text);

/// 1, 2 or 5 times a power of ten, so that about `count` steps cover `range`.
double nice_step(double range, int count);

}  // namespace kiln::cli
