#include "base/checksum.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace kiln {
namespace {

constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F, prime3 = 0x165667B19E3779F9,
                   prime4 = 0x85EBCA77C2B2AE63, prime5 = 0x27D4EB2F165667C5;

template <class T>
uint64_t read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint64_t mix(uint64_t lane, uint64_t word) { return std::rotl(lane + word * prime2, 31) * prime1; }

}  // namespace

uint64_t checksum64(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  uint64_t hash = prime5;
  if (left >= 32) {
    std::array<uint64_t, 4> lanes = {prime1 + prime2, prime2, 0, -prime1};
    for (; left >= 32; left -= 32, at += 32) {
      for (size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i], read<uint64_t>(at + 8 * i));
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes) hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += bytes.size();
  for (; left >= 8; left -= 8, at += 8) hash = std::rotl(hash ^ mix(0, read<uint64_t>(at)), 27) * prime1 + prime4;
  if (left >= 4) {
    hash = std::rotl(hash ^ (read<uint32_t>(at) * prime1), 23) * prime2 + prime3;
    left -= 4, at += 4;
  }
  for (; left > 0; --left, ++at) hash = std::rotl(hash ^ (static_cast<uint64_t>(*at) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

}  // namespace kiln
