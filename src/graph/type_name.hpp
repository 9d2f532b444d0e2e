#pragma once

#include <string_view>

#include "graph/type.hpp"

namespace kiln {

/// The reverse of Type::onnx_name(); unknown for a text that it does not write.
Type type_from_onnx_name(std::string_view name);

}  // namespace kiln
