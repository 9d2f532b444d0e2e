#pragma once

#include "formats/onnx/wire_writer.hpp"
#include "graph/type.hpp"

namespace kiln::onnx {

/// A TypeProto.
WireWriter write_type(const Type& type);

}  // namespace kiln::onnx
