#pragma once

#include "formats/onnx/reader.hpp"
#include "graph/graph.hpp"
#include "kiln/kiln.hpp"
#include "runtime/engine_record.hpp"

namespace kiln {

/// What a public Model holds until a Session takes it over.
struct ModelImpl {
  ModelDef definition;
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;

  /// Where it came from: a file, or memory; or what an engine says of that.
  std::string path, external_folder;
  std::span<const std::byte> memory;
  std::shared_ptr<const void> memory_keeper;
  std::vector<SourceFile> sources;
  MappedFiles files;  ///< that tensors may lie in
};

ModelInfo model_info(const ModelDef& model);
/// With the ports described.
std::unique_ptr<ModelImpl> make_model_impl(ModelDef definition);
PortInfo port_info(const std::string& name, const Type& type);

}  // namespace kiln
