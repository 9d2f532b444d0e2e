#pragma once

#include <string_view>

#include "formats/onnx/read_context.hpp"

namespace kiln::onnx {

void read_graph(ReadContext& context, std::string_view message, Graph& graph);
Function read_function(ReadContext& context, std::string_view message);
/// Adds an OperatorSetIdProto.
void read_opset(ReadContext& context, std::string_view message, OpsetImports& imports);

}  // namespace kiln::onnx
