#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln {

/// XXH64 with seed 0: fast, and good at noticing damage; no protection against intent.
uint64_t checksum64(std::span<const std::byte> bytes);

}  // namespace kiln
