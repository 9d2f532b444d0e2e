#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln::cli {

/// A line of a report: the name in bold, then the value.
void print_field(std::string_view name, const std::string& value);

/// "1.50 MiB"
std::string mebibytes(int64_t bytes);

}  // namespace kiln::cli
