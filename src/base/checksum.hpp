#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln {

/// XXH64 with seed 0: fast, and good at noticing damage; no protection against intent.
class Checksum64 {
 public:
  void add(std::span<const std::byte> bytes);
  uint64_t finish() const;  ///< of all that was added

 private:
  void mix_stripes(const std::byte* at, size_t count);

  static constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F, prime3 = 0x165667B19E3779F9,
                            prime4 = 0x85EBCA77C2B2AE63, prime5 = 0x27D4EB2F165667C5;
  std::array<uint64_t, 4> lanes_ = {prime1 + prime2, prime2, 0, -prime1};
  std::array<std::byte, 32> held_{};  ///< what does not fill a stripe yet
  uint64_t size_ = 0;
};

uint64_t checksum64(std::span<const std::byte> bytes);

}  // namespace kiln
