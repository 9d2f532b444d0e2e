#include "base/checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace kiln {
namespace {

template <class T>
uint64_t read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

void Checksum64::mix_stripes(const std::byte* at, size_t count) {
  std::array<uint64_t, 4> lanes = lanes_;
  for (; count > 0; --count, at += 32) {
    for (size_t i = 0; i < 4; ++i) lanes[i] = std::rotl(lanes[i] + read<uint64_t>(at + 8 * i) * prime2, 31) * prime1;
  }
  lanes_ = lanes;
}

void Checksum64::add(std::span<const std::byte> bytes) {
  const size_t held = size_ % held_.size();
  size_ += bytes.size();
  if (held > 0) {
    const size_t taken = std::min(bytes.size(), held_.size() - held);
    std::copy_n(bytes.begin(), taken, held_.begin() + static_cast<ptrdiff_t>(held));
    bytes = bytes.subspan(taken);
    if (held + taken < held_.size()) return;
    mix_stripes(held_.data(), 1);
  }
  mix_stripes(bytes.data(), bytes.size() / held_.size());
  const auto rest = bytes.last(bytes.size() % held_.size());
  std::copy(rest.begin(), rest.end(), held_.begin());
}

uint64_t Checksum64::finish() const {
  uint64_t hash = prime5;
  if (size_ >= held_.size()) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
    for (uint64_t lane : lanes_) hash = (hash ^ (std::rotl(lane * prime2, 31) * prime1)) * prime1 + prime4;
  }
  hash += size_;
  const std::byte* at = held_.data();
  size_t left = size_ % held_.size();
  for (; left >= 8; left -= 8, at += 8) {
    hash = std::rotl(hash ^ (std::rotl(read<uint64_t>(at) * prime2, 31) * prime1), 27) * prime1 + prime4;
  }
  if (left >= 4) {
    hash = std::rotl(hash ^ (read<uint32_t>(at) * prime1), 23) * prime2 + prime3;
    left -= 4, at += 4;
  }
  for (; left > 0; --left, ++at) hash = std::rotl(hash ^ (static_cast<uint64_t>(*at) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

uint64_t checksum64(std::span<const std::byte> bytes) {
  Checksum64 sum;
  sum.add(bytes);
  return sum.finish();
}

}  // namespace kiln
