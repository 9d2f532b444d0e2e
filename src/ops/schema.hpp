#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "ops/op.hpp"

namespace kiln {

struct FormalParameter {
  enum class Option : uint8_t { single, optional, variadic };
  std::string name;
  std::string type;  ///< a constraint's name, or a type as Type::onnx_name writes it
  Option option = Option::single;
  bool homogeneous = true;
  int min_arity = 1;
};

struct AttributeDef {
  std::string name;
  AttributeType type = AttributeType::undefined;
  bool required = false;
  Attribute default_value;  ///< its type is undefined where there is no default
};

struct TypeConstraint {
  std::string name;
  std::vector<std::string> types;  ///< as Type::onnx_name writes them
};

/// A SchemaText, read.
struct Schema {
  const OpDef* op = nullptr;
  int since = 0;
  bool deprecated = false;
  std::vector<FormalParameter> inputs, outputs;
  std::vector<AttributeDef> attributes;
  std::vector<TypeConstraint> constraints;

  const AttributeDef* find_attribute(std::string_view name) const;
  const TypeConstraint* find_constraint(std::string_view name) const;
  /// The parameter that argument `index` belongs to (the last one repeats when variadic); null when beyond the last.
  const FormalParameter* input_at(size_t index) const;
  const FormalParameter* output_at(size_t index) const;
  size_t min_inputs() const, max_inputs() const;  ///< SIZE_MAX when variadic
  size_t min_outputs() const, max_outputs() const;
  bool allows(const FormalParameter& parameter, const std::string& onnx_type) const;
};

/// The schema of `name` in force at an opset version: the newest whose `since` is not above it. Null when there is
/// none. Read once, kept for the life of the process; safe from any thread.
const Schema* find_schema(std::string_view domain, std::string_view name, int64_t opset_version);
/// All versions of one operator, oldest first.
std::span<const Schema> schemas_of(const OpDef& op);

/// The newest opset versions that this build knows, by domain.
const OpsetImports& known_opsets();

}  // namespace kiln
