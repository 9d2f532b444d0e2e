#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/diagnostics.hpp"
#include "graph/graph.hpp"
#include "kiln/external_data.hpp"

namespace kiln {

class MappedFile;
using MappedFiles = std::vector<std::shared_ptr<const MappedFile>>;

/// What protects the process from a hostile model; the defaults are those of the knobs onnx_*.
struct ReadLimits {
  int64_t nesting;         ///< of subgraphs, types and values in each other
  int64_t nodes;           ///< in all graphs and functions together
  int64_t tensor_bytes;    ///< of one tensor
  int64_t unpacked_bytes;  ///< memory for all the tensors that cannot stay in the file as they are
  int64_t string_bytes;    ///< of one name or text
  int64_t rank;            ///< dims of one tensor or type
  static ReadLimits from_knobs();
};

struct ReadOptions {
  bool strict = false;  ///< reports also what the standard forbids but has only one meaning, so that reading may go on
  bool allow_external = true;
  std::string external_folder;   ///< where external data lies; by default the folder of the model file
  ExternalLoader load_external;  ///< asked instead of the folder, where given
  ReadLimits limits = ReadLimits::from_knobs();
  MappedFiles* files = nullptr;  ///< gets the files that tensors may lie in
};

/// Reads a model. Weights stay in the mapped file, which the tensors keep alive: the file must not be changed in place
/// while they are used. Faults of the model go to `diagnostics`, and reading goes on with what can be understood where
/// that collects them; by default, and where `diagnostics` is null, the first one is thrown as Error(invalid_model).
/// That the file cannot be read at all is always thrown.
ModelDef read_onnx_file(const std::string& path, const ReadOptions& options = {}, Diagnostics* diagnostics = nullptr);

/// The same from memory, which `keeper` keeps alive; without a keeper all weights are copied.
ModelDef read_onnx_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                          const ReadOptions& options = {}, Diagnostics* diagnostics = nullptr);

}  // namespace kiln
