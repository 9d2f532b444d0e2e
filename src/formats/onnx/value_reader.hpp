#pragma once

#include <string_view>

#include "formats/onnx/read_context.hpp"
#include "formats/onnx/tensor_proto.hpp"

namespace kiln::onnx {

NamedValue read_sequence(ReadContext& context, std::string_view message);
NamedValue read_map(ReadContext& context, std::string_view message);
NamedValue read_optional(ReadContext& context, std::string_view message);

}  // namespace kiln::onnx
