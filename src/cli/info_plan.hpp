#pragma once

#include <string>
#include <vector>

namespace kiln::cli {

/// How a run of these shapes goes: its steps, which of them are done in bands, and what lies in the arena when; as a
/// text or as JSON, and drawn into the file `svg` unless it is "".
void print_plan(const std::string& path, const std::vector<std::string>& shapes, const std::string& svg, bool json);

}  // namespace kiln::cli
