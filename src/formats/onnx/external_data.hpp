#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mapped_file.hpp"
#include "formats/onnx/reader.hpp"

namespace kiln::onnx {

/// The files beside a model that its tensors name, each mapped once.
class ExternalFiles {
 public:
  explicit ExternalFiles(const ReadOptions& options) : folder_(options.external_folder), mapped_(options.files) {}

  /// The bytes that the entries location, offset and length of a tensor's external_data name, which must be `needed`
  /// many; from `loader` where there is one. Fails where they are not to be had.
  ExternalBytes find(const Metadata& where, uint64_t needed, const ExternalLoader& loader);

 private:
  std::string folder_;
  MappedFiles* mapped_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace kiln::onnx
