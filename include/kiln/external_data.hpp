#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace kiln {

/// Bytes of a tensor that a model keeps outside its own file, and what keeps them alive.
struct ExternalBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> keeper;
};

/// Gives `length` bytes at `offset` of the file that the model calls `location`; a length of 0 means all that follow.
using ExternalLoader = std::function<ExternalBytes(const std::string& location, uint64_t offset, uint64_t length)>;

}  // namespace kiln
