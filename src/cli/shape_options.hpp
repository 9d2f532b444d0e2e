#pragma once

#include <CLI/App.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/kiln.hpp"
#include "runtime/shape_binding.hpp"

namespace kiln::cli {

void add_shape_option(CLI::App& command, std::vector<std::string>& shapes);

/// --max-memory, in bytes.
void add_memory_option(CLI::App& command, int64_t& bytes);

/// "300M" and "300MiB" (units of 1024), "300MB" (of 1000), "300000000".
int64_t parse_bytes(std::string_view text, std::string_view what);

/// "1x3x224x224", "1,3,224,224"; "" is a scalar. `what` stands before the message of a UsageError.
Shape parse_shape(std::string_view text, std::string_view what);

/// As parse_shape() reads them: "1x3x224x224".
std::string shape_text(std::span<const int64_t> dims);

/// Numbers for the shapes of all inputs: from --shape, then from `given` (the shapes of inputs that are already at
/// hand), else 1.
ShapeBinding bind_ports(const std::vector<PortInfo>& inputs, const std::vector<std::string>& shape_options,
                        const std::map<std::string, Shape>& given);

}  // namespace kiln::cli
