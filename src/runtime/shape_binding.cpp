#include "runtime/shape_binding.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace kiln {
namespace {

/// The symbol's name where the dim is nothing but a symbol.
std::optional<std::string> plain_symbol(const Dim& dim) {
  std::vector<std::string> names;
  dim.collect_symbols(names);
  if (names.size() == 1 && dim == Dim::symbol(names.front())) return names.front();
  return std::nullopt;
}

void bind_given(const UnboundInput& input, const Shape& shape, ShapeBinding& binding) {
  if (!input.shape) return;
  if (input.shape->size() != shape.size()) {
    fail(ErrorCode::invalid_argument, "input '{}': found shape {}, expected {}", input.name, to_string(shape),
         to_string(*input.shape));
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const Dim& dim = (*input.shape)[i];
    if (const auto symbol = plain_symbol(dim)) {
      const auto [known, fresh] = binding.symbols.emplace(*symbol, shape[i]);
      if (!fresh && known->second != shape[i]) {
        fail(ErrorCode::invalid_argument, "input '{}': dim {} is {}, but '{}' is {} elsewhere", input.name, i, shape[i],
             *symbol, known->second);
      }
    } else if (dim.is_known() && dim.value() != shape[i]) {
      fail(ErrorCode::invalid_argument, "input '{}': found shape {}, expected {}", input.name, to_string(shape),
           to_string(*input.shape));
    }
  }
}

Shape evaluate(const UnboundInput& input, ShapeBinding& binding) {
  Shape shape;
  for (size_t i = 0; i < input.shape->size(); ++i) {
    const Dim& dim = (*input.shape)[i];
    std::vector<std::string> names;
    dim.collect_symbols(names);
    for (const std::string& name : names) {
      if (binding.symbols.emplace(name, 1).second) binding.assumed.push_back(name + " = 1");
    }
    const std::optional<int64_t> value = dim.evaluate(binding.symbols);
    if (!value || *value < 0) binding.assumed.push_back(fmt::format("dim {} of '{}' = 1", i, input.name));
    shape.push_back(value && *value >= 0 ? *value : 1);
  }
  return shape;
}

}  // namespace

ShapeBinding bind_shapes(const std::vector<UnboundInput>& inputs, const std::map<std::string, Shape>& given,
                         const std::map<std::string, int64_t>& symbols) {
  ShapeBinding binding;
  binding.shapes = given;
  binding.symbols = symbols;
  for (const UnboundInput& input : inputs) {
    if (const auto shape = given.find(input.name); shape != given.end()) bind_given(input, shape->second, binding);
  }
  for (const UnboundInput& input : inputs) {
    if (input.shape && !given.contains(input.name)) binding.shapes[input.name] = evaluate(input, binding);
  }
  return binding;
}

}  // namespace kiln
