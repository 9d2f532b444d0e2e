#include "graph/type_name.hpp"

namespace kiln {

Type type_from_onnx_name(std::string_view name) {
  const auto inside = [&](std::string_view wrapper) -> std::optional<std::string_view> {
    if (!name.starts_with(wrapper) || !name.ends_with(")")) return std::nullopt;
    return name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
  };
  if (const auto element = inside("tensor(")) return Type::tensor(dtype_from_name(*element));
  if (const auto element = inside("sparse_tensor(")) return Type::sparse(dtype_from_name(*element));
  if (const auto element = inside("seq(")) return Type::sequence(type_from_onnx_name(*element));
  if (const auto element = inside("optional(")) return Type::optional(type_from_onnx_name(*element));
  if (const auto pair = inside("map("); pair && pair->find(',') != std::string_view::npos) {
    const size_t comma = pair->find(',');
    return Type::map(dtype_from_name(pair->substr(0, comma)), type_from_onnx_name(pair->substr(comma + 1)));
  }
  return {};
}

}  // namespace kiln
