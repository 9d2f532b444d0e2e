#pragma once

#include <string_view>

#include "formats/onnx/read_context.hpp"

namespace kiln::onnx {

Attribute read_attribute(ReadContext& context, std::string_view message);

}  // namespace kiln::onnx
