#include "cli/fields.hpp"

#include <fmt/core.h>

#include "cli/terminal.hpp"

namespace kiln::cli {

void print_field(std::string_view name, const std::string& value) {
  fmt::print("{} {}\n", paint(fmt::format("{:<12}", name), Colour::bold), value);
}

std::string mebibytes(int64_t bytes) { return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace kiln::cli
