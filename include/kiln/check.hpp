#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace kiln {

/// One thing that is wrong with a model, or worth knowing about it.
struct CheckFinding {
  bool is_error = true;  ///< an error makes the model invalid or impossible to run; a warning does not
  std::string rule;      ///< short and stable, for machines: "unknown-operator", "shape-mismatch"
  std::string place;     ///< "node 'conv1' (Conv), input 1 (W)"
  std::string message;   ///< what was found and what was expected
  std::string help;      ///< what to do about it; may be empty
};

/// Finds all that is wrong with an ONNX model at once, errors first. Weights are not read. Of an engine file, holds
/// every byte against the checksums. Throws Error only where the file cannot be opened.
std::vector<CheckFinding> check_file(const std::string& path);
/// `external_folder` is where the external data of the model lies.
std::vector<CheckFinding> check_memory(std::span<const std::byte> bytes, const std::string& external_folder = {});

}  // namespace kiln
