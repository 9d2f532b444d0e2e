#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/function_ref.hpp"
#include "graph/graph.hpp"

namespace kiln {

/// Writes a model in ONNX's format, piece by piece into `sink`: weights are handed on where they lie, not copied. All
/// data is in the one stream, also that which was read from outside; more than 2 GiB, which protobuf cannot hold, is
/// an Error.
void write_onnx(const ModelDef& model, FunctionRef<void(std::string_view)> sink);
std::string write_onnx(const ModelDef& model);

struct WriteOptions {
  /// Initialisers of at least so many bytes go into a file "<name of the model file>.data" beside it. Without a value
  /// that is done, from 1024 bytes on, only where the model would not fit into the 2 GiB of protobuf.
  std::optional<size_t> external_data_threshold;
};

/// Writes a model file. Both files are replaced whole, the data first; the model may still be mapped from the old ones.
void write_onnx_file(const ModelDef& model, const std::string& path, const WriteOptions& options = {});

}  // namespace kiln
