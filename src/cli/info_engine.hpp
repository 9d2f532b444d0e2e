#pragma once

#include <string>

namespace kiln::cli {

/// What an engine file says about itself, as a text or as JSON.
void print_engine_info(const std::string& path, bool json);

}  // namespace kiln::cli
