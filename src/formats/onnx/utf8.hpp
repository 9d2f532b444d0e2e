#pragma once

#include <string>
#include <string_view>

namespace kiln::onnx {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text);

/// The text with U+FFFD for each byte that is no part of a well-formed character.
std::string with_valid_utf8(std::string_view text);

}  // namespace kiln::onnx
