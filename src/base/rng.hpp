#pragma once

#include <array>
#include <cstdint>

namespace kiln {

/// Philox 4x32-10 (Salmon et al., 2011): a counter-based generator. Block i of a seed is the same however many
/// threads make the blocks, so that filling a tensor in parallel gives the serial result.
class Philox {
 public:
  explicit Philox(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::array<uint32_t, 4> block(uint64_t index) const;

  uint32_t next_u32() {
    if (used_ == 4) {
      current_ = block(next_block_++);
      used_ = 0;
    }
    return current_[used_++];
  }
  uint64_t next_u64() {
    const uint64_t high = next_u32();
    return high << 32 | next_u32();
  }
  /// In [0, 1), with all 53 bits of a double.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
  double uniform(double low, double high);
  /// Normal with mean 0 and variance 1, by the polar method.
  double normal();
  /// In [0, bound) without bias; bound must not be 0.
  uint64_t below(uint64_t bound);

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t next_block_ = 0;
  std::array<uint32_t, 4> current_{};
  unsigned used_ = 4;
};

/// The stream of numpy.random.RandomState(seed): MT19937 and numpy's legacy draws from it, bit for bit.
class NumpyRandomState {
 public:
  explicit NumpyRandomState(uint32_t seed);

  uint32_t next_u32();
  /// numpy's random_sample().
  double uniform();
  double uniform(double low, double high);
  /// numpy's standard_normal() and randn(): the polar method, whose second value waits for the next call.
  double normal();

 private:
  static constexpr uint32_t size = 624;

  void refill();

  std::array<uint32_t, size> state_;
  uint32_t position_ = size;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace kiln
