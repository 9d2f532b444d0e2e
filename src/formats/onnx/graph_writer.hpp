#pragma once

#include "formats/onnx/tensor_writer.hpp"
#include "graph/graph.hpp"

namespace kiln::onnx {

/// A GraphProto; its initialisers, and those of its subgraphs, go outside where `external` wants them.
WireWriter write_graph(const Graph& graph, ExternalPlan* external);
WireWriter write_function(const Function& function, ExternalPlan* external);
void write_opsets(WireWriter& out, uint32_t field, const OpsetImports& imports);

}  // namespace kiln::onnx
