#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/kiln.hpp"

namespace kiln::vision {

/// What a model's metadata have under a key; null where they have nothing.
const std::string* metadata_of(const ModelInfo& info, std::string_view key);

/// Names as metadata list them: {0: 'person', 1: "it's"} as Python writes it, by their keys, ['person', 'dog'], or
/// lines, or commas between them.
std::vector<std::string> parse_names(const std::string& text);

/// `given`, or where it is empty the names in the metadata ("names", "labels" or "classes").
std::vector<std::string> names_of(const ModelInfo& info, const std::vector<std::string>& given);

/// The name of a class; its number where it has none.
std::string name_at(const std::vector<std::string>& names, int64_t index);

/// The whole numbers in a text such as "[640, 480]".
std::vector<int64_t> whole_numbers_in(std::string_view text);

/// All numbers, such as those of "[[10.5,13, 16,30], [30,61]]".
std::vector<float> numbers_in(const std::string& text);

}  // namespace kiln::vision
