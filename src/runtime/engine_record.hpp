#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/sha256.hpp"

namespace kiln {

/// A file that an engine was made from.
struct SourceFile {
  std::string name;  ///< without its folder
  uint64_t bytes = 0;
  Sha256Digest sha256{};
};

/// How an engine was made.
struct EngineRecord {
  std::string kiln_version;
  std::string cpu;                                           ///< that it was built and timed on
  int threads = 0;                                           ///< that it was chosen for
  std::vector<std::pair<std::string, std::string>> options;  ///< of the build: {"tune", "fast"}
  std::vector<SourceFile> sources;
};

}  // namespace kiln
