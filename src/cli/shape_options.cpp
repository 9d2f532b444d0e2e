#include "cli/shape_options.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "cli/usage_error.hpp"

namespace kiln::cli {

void add_shape_option(CLI::App& command, std::vector<std::string>& shapes) {
  command
      .add_option("--shape", shapes,
                  "the shape of an input (x=1x3x224x224), or the number that a symbolic dim stands for (batch=8); "
                  "what nobody says is 1; may be given several times")
      ->type_name("NAME=DIMS")
      ->allow_extra_args(false);
}

void add_memory_option(CLI::App& command, int64_t& bytes) {
  command
      .add_option_function<std::string>(
          "--max-memory", [&bytes](const std::string& text) { bytes = parse_bytes(text, "--max-memory"); },
          "bytes that a run may take (300MB, 2G): memory to work in, plans and outputs. What needs more is done in a "
          "way that takes less, or refused")
      ->type_name("BYTES");
}

int64_t parse_bytes(std::string_view text, std::string_view what) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  const size_t power = unit.empty() ? std::string_view::npos : std::string_view("BKMGT").find(unit.front());
  int64_t scale = 1;
  const std::string_view rest = unit.empty() ? unit : unit.substr(1);
  const bool known = unit.empty() || (power == 0 && rest.empty()) ||
                     (power != std::string_view::npos && power > 0 && (rest.empty() || rest == "iB" || rest == "B"));
  for (size_t i = 0; known && !unit.empty() && i < power; ++i) scale *= rest == "B" ? 1000 : 1024;
  int64_t bytes = 0;
  if (error != std::errc() || number < 1 || !known || __builtin_mul_overflow(number, scale, &bytes)) {
    fail_usage("{}: '{}' is no number of bytes, expected one like 300MB or 2G", what, text);
  }
  return bytes;
}

Shape parse_shape(std::string_view text, std::string_view what) {
  Shape shape;
  while (!text.empty()) {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    const size_t length = static_cast<size_t>(end - text.data());
    const bool separated = length == text.size() || text[length] == 'x' || text[length] == ',';
    if (error != std::errc() || dim < 0 || !separated || length + 1 == text.size()) {
      fail_usage("{}: '{}' is no shape, expected one like 1x3x224x224", what, text);
    }
    shape.push_back(dim);
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return shape;
}

std::string shape_text(std::span<const int64_t> dims) { return fmt::format("{}", fmt::join(dims, "x")); }

ShapeBinding bind_ports(const std::vector<PortInfo>& inputs, const std::vector<std::string>& shape_options,
                        const std::map<std::string, Shape>& given) {
  std::map<std::string, Shape> shapes = given;
  std::map<std::string, int64_t> symbols;
  std::vector<UnboundInput> unbound;
  std::vector<std::string> known_symbols;
  for (const PortInfo& port : inputs) {
    UnboundInput& input = unbound.emplace_back(UnboundInput{port.name, std::nullopt});
    if (!port.has_shape) continue;
    input.shape.emplace();
    for (const PortDim& dim : port.shape) {
      input.shape->push_back(dim.value >= 0 ? Dim(dim.value) : Dim::parse(dim.symbol));
      input.shape->back().collect_symbols(known_symbols);
    }
  }
  for (const std::string& option : shape_options) {
    // A name may hold an equals sign, a shape cannot.
    const size_t equals = option.rfind('=');
    if (equals == std::string::npos) fail_usage("--shape {}: expected NAME=DIMS", option);
    const std::string name = option.substr(0, equals);
    const Shape shape = parse_shape(std::string_view(option).substr(equals + 1), "--shape " + name);
    const bool is_input =
        std::any_of(inputs.begin(), inputs.end(), [&](const PortInfo& port) { return port.name == name; });
    const bool is_symbol = std::find(known_symbols.begin(), known_symbols.end(), name) != known_symbols.end();
    if (is_input) {
      if (given.contains(name) && given.at(name) != shape) {
        fail_usage("--shape {}: found {}, but the data given for it has {}", name, to_string(shape),
                   to_string(given.at(name)));
      }
      shapes[name] = shape;
    } else if (is_symbol && shape.size() == 1) {
      symbols[name] = shape.front();
    } else {
      fail_usage("--shape {}: the model has no input of this name{}", name,
                 is_symbol ? ", and a symbolic dim takes one number" : ", and no symbolic dim");
    }
  }
  try {
    return bind_shapes(unbound, shapes, symbols);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace kiln::cli
