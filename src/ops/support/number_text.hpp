#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kiln/dtype.hpp"

namespace kiln::ops {

/// The shortest decimal that reads back as the same number of type `dtype`, as numpy writes it: "0.1", "1.0",
/// "1e-05", "nan", "-inf".
std::string float_text(double value, DType dtype);

/// Reads a plain or scientific number, "inf", "infinity" or "nan" in any case, with an optional sign and spaces around.
/// Fails, showing the text, when it is none.
double read_float(std::string_view text);
/// The same for integers; a text with a fraction is cut towards zero.
int64_t read_signed(std::string_view text);
uint64_t read_unsigned(std::string_view text);
/// "true", "false" in any case, or a number.
bool read_boolean(std::string_view text);

}  // namespace kiln::ops
