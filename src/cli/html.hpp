#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

/// Text as HTML shows it, without control characters.
std::string html_text(std::string_view text);
/// A row of a table whose cells are `tag`s: th or td.
std::string html_row(const std::vector<std::string>& cells, std::string_view tag);
/// A table in a box that scrolls when it is wide.
std::string html_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);

/// 1, 2 or 5 times a power of ten, so that about `count` steps cover `range`.
double nice_step(double range, int count);

}  // namespace kiln::cli
