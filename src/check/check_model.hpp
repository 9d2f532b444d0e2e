#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/onnx/reader.hpp"
#include "graph/diagnostics.hpp"
#include "graph/graph.hpp"

namespace kiln {

/// Everything that is wrong with a model, or worth knowing about it, in the order of the model: what the standard
/// forbids, what its operators' rules for types and shapes contradict, and what Kiln cannot run. No weights are read.
std::vector<Finding> check_model(const ModelDef& model);

/// The same for a model that is still to be read. What cannot be read as a model is a finding too; that the file
/// cannot be opened is thrown.
std::vector<Finding> check_onnx_file(const std::string& path, ReadOptions options = {});
std::vector<Finding> check_onnx_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                                       ReadOptions options = {});

}  // namespace kiln
