#pragma once

#include <nlohmann/json.hpp>

#include "kiln/kiln.hpp"

namespace kiln::cli {

/// JSON whose keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// To standard output, two blanks to a level; text that is not UTF-8 gets replacement characters.
void print_json(const Json& json);

/// name, type, shape (numbers, symbols and null), optional.
Json port_json(const PortInfo& port);
/// The elements as nested lists. NaN and infinities become the texts "NaN", "Infinity", "-Infinity", and complex
/// numbers pairs; a sequence is a list, a map a list of [key, value].
Json value_json(const Value& value);
/// A number, or one of those texts.
Json number_json(double value);

}  // namespace kiln::cli
