#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace kiln::cli {

enum class Colour { bold, dim, red, green, yellow, blue };

bool is_terminal(std::FILE* stream);
/// The text in a colour where `stream` is a terminal and the variable NO_COLOR is not set; else the text as it is.
std::string paint(std::string_view text, Colour colour, std::FILE* stream = stdout);
/// Columns of the terminal; 100 where it is none.
int terminal_width(std::FILE* stream);
/// The text with every control character replaced: names come from models and must not steer the terminal.
std::string printable(std::string_view text);

}  // namespace kiln::cli
