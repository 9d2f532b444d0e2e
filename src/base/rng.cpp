#include "base/rng.hpp"

#include <cmath>

namespace kiln {

std::array<uint32_t, 4> Philox::block(uint64_t index) const {
  uint32_t key0 = static_cast<uint32_t>(seed_), key1 = static_cast<uint32_t>(seed_ >> 32);
  std::array<uint32_t, 4> c{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                            static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(a)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

double Philox::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Philox::normal() {
  for (;;) {
    const double x = 2 * uniform() - 1, y = 2 * uniform() - 1;
    const double radius = x * x + y * y;
    if (radius > 0 && radius < 1) {
      return x * std::sqrt(-2 * std::log(radius) / radius);
    }
  }
}

uint64_t Philox::below(uint64_t bound) {
  const uint64_t reject = (0 - bound) % bound;
  for (;;) {
    const uint64_t draw = next_u64();
    if (draw >= reject) {
      return draw % bound;
    }
  }
}

NumpyRandomState::NumpyRandomState(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < size; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
}

uint32_t NumpyRandomState::next_u32() {
  if (position_ == size) {
    refill();
  }
  uint32_t y = state_[position_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double NumpyRandomState::uniform() {
  const uint32_t high = next_u32() >> 5, low = next_u32() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

double NumpyRandomState::uniform(double low, double high) { return low + (high - low) * uniform(); }

double NumpyRandomState::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double x, y, radius;
  do {
    x = 2.0 * uniform() - 1.0;
    y = 2.0 * uniform() - 1.0;
    radius = x * x + y * y;
  } while (radius >= 1.0 || radius == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(radius) / radius);
  spare_ = factor * x;
  has_spare_ = true;
  return factor * y;
}

void NumpyRandomState::refill() {
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % size] & 0x7fffffffu);
    state_[i] = state_[(i + 397) % size] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0dfu : 0);
  }
  position_ = 0;
}

}  // namespace kiln
