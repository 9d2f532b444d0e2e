#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace kiln {

using Sha256Digest = std::array<uint8_t, 32>;

/// FIPS 180-4.
class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  /// Of all that was added. Nothing may be added after it.
  Sha256Digest finish();

 private:
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> block_{};
  uint64_t size_ = 0;
};

Sha256Digest sha256(std::span<const std::byte> bytes);
/// 64 lower-case digits.
std::string hex(const Sha256Digest& digest);

}  // namespace kiln
