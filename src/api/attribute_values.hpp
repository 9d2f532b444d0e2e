#pragma once

#include <optional>

#include "graph/graph.hpp"
#include "kiln/custom_op.hpp"

namespace kiln {

/// Between the public API's attributes and types and those of graphs. Nothing for attributes that hold graphs and the
/// like, which the API does not have.
std::optional<AttributeValue> attribute_value(const Attribute& attribute);
Attribute make_attribute(std::string name, AttributeValue value);

TensorType tensor_type(const Type& type);
Type make_type(const TensorType& type);

}  // namespace kiln
