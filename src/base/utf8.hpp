#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// The code points of a UTF-8 text; nothing if it is not valid UTF-8 (overlong forms and surrogates included).
std::optional<std::u32string> decode_utf8(std::string_view text);

/// True for what UTF-8 can carry: up to 0x10FFFF, and no surrogate.
bool is_code_point(char32_t c);

/// Appends one code point, which must satisfy is_code_point().
void append_utf8(std::string& out, char32_t c);

}  // namespace kiln
