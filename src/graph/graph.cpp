#include "graph/graph.hpp"

#include <fmt/format.h>

namespace kiln {

std::string_view attribute_type_name(AttributeType type) {
  switch (type) {
    case AttributeType::undefined: return "undefined";
    case AttributeType::float_: return "float";
    case AttributeType::int_: return "int";
    case AttributeType::string: return "string";
    case AttributeType::tensor: return "tensor";
    case AttributeType::graph: return "graph";
    case AttributeType::floats: return "floats";
    case AttributeType::ints: return "ints";
    case AttributeType::strings: return "strings";
    case AttributeType::tensors: return "tensors";
    case AttributeType::graphs: return "graphs";
    case AttributeType::sparse_tensor: return "sparse_tensor";
    case AttributeType::sparse_tensors: return "sparse_tensors";
    case AttributeType::type_proto: return "type";
    case AttributeType::type_protos: return "types";
  }
  return "undefined";
}

const Attribute* Node::find_attribute(std::string_view attribute_name) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name == attribute_name) return &attribute;
  }
  return nullptr;
}

std::string Node::describe(size_t index) const {
  const std::string op = domain.empty() ? op_type : domain + "." + op_type;
  return name.empty() ? fmt::format("node #{} ({})", index, op) : fmt::format("node '{}' ({})", name, op);
}

ValueId Graph::find_value(std::string_view value_name) const {
  const auto found = ids_.find(value_name);
  return found == ids_.end() ? no_value : found->second;
}

ValueId Graph::value_named(const std::string& value_name) {
  if (value_name.empty()) return no_value;
  const auto [position, inserted] = ids_.try_emplace(value_name, static_cast<ValueId>(values.size()));
  if (inserted) values.emplace_back().name = value_name;
  return position->second;
}

ValueId Graph::add_value(std::string value_name, Type type) {
  const ValueId id = value_named(value_name);
  values[static_cast<size_t>(id)].type = std::move(type);
  return id;
}

const std::string& Graph::name_of(ValueId id) const {
  static const std::string nothing;
  return id == no_value ? nothing : values[static_cast<size_t>(id)].name;
}

const Initializer* Graph::find_initializer(ValueId id) const {
  for (const Initializer& initializer : initializers) {
    if (initializer.value == id) return &initializer;
  }
  return nullptr;
}

const Function* ModelDef::find_function(std::string_view domain_, std::string_view name,
                                        std::string_view overload) const {
  for (const Function& function : functions) {
    if (function.name == name && function.domain == domain_ && function.overload == overload) return &function;
  }
  return nullptr;
}

std::string_view canonical_domain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

}  // namespace kiln
