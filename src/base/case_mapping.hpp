#pragma once

#include <string>
#include <string_view>

namespace kiln {

/// The lower or upper case letter of one code point, as Unicode's simple case mapping gives it: one code point for
/// one, the same in every locale.
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);

/// The same for each code point of a UTF-8 text; in a text that is no valid UTF-8, for its ASCII letters only.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

}  // namespace kiln
