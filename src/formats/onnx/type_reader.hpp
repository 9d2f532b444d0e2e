#pragma once

#include <string_view>

#include "formats/onnx/read_context.hpp"
#include "graph/type.hpp"

namespace kiln::onnx {

/// A TypeProto; of unknown kind where it says nothing or nothing sensible.
Type read_type(ReadContext& context, std::string_view message);

/// The element type with this number; reports one that does not exist, and undefined where `required`.
DType read_dtype(ReadContext& context, int32_t number, bool required);

}  // namespace kiln::onnx
