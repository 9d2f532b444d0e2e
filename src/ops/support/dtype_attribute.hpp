#pragma once

#include "ops/context.hpp"

namespace kiln::ops {

/// The element type that an integer attribute names ("dtype", "to"), or `otherwise` where the attribute is absent and
/// has no default. Fails when it names no type, or none that the schema allows for output 0.
DType dtype_attribute(const NodeView& node, std::string_view name, DType otherwise = DType::undefined);

}  // namespace kiln::ops
