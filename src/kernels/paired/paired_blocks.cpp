#include "kernels/paired/paired_blocks.hpp"

#include <algorithm>
#include <cmath>

namespace kiln {

extern const PairedBlocksTable paired_blocks_table_portable, paired_blocks_table_avx2, paired_blocks_table_avx512;

const PairedBlocksTable& paired_blocks_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return paired_blocks_table_avx512;
    case Isa::avx2: return paired_blocks_table_avx2;
    default: return paired_blocks_table_portable;
  }
}

namespace {

template <class Lanes>
int64_t place_in_block(int64_t lane) {
  for (int64_t i = 0; i < Lanes::pair_count; ++i) {
    if (lane == Lanes::pairs[i]) return 3 * i + 1;
    if (lane == Lanes::pairs[i] + 1) return 3 * i;
  }
  for (int64_t i = 0; i < Lanes::single_count; ++i) {
    if (lane == Lanes::singles[i]) return i < Lanes::pair_count ? 3 * i + 2 : 2 * Lanes::pair_count + i;
  }
  return lane;
}

}  // namespace

int64_t paired_place(int64_t lanes, int64_t depth, int64_t k) {
  const int64_t lane = k % lanes, block = k - lane;
  if (block + lanes > depth) return k;
  return block + (lanes == 16 ? place_in_block<PairedLanes<16>>(lane) : place_in_block<PairedLanes<8>>(lane));
}

bool paired_place_begins_pair(int64_t lanes, int64_t depth, int64_t place) {
  const int64_t in_block = place % lanes,
                pairs = lanes == 16 ? PairedLanes<16>::pair_count : PairedLanes<8>::pair_count;
  return place - in_block + lanes <= depth && in_block % 3 == 0 && in_block < 3 * pairs;
}

bool paired_place_is_negative(int64_t lanes, int64_t depth, int64_t place) {
  return paired_place_begins_pair(lanes, depth, place) && place % lanes / 3 % 2 == 1;
}

void pair_up_blocks(int64_t lanes, int64_t depth, int64_t wide, float* weights, float* start, float* unscale) {
  constexpr int64_t most_wide = TileTable::most_blocks * 16;
  double squares[most_wide] = {}, products[most_wide] = {};
  float factors[most_wide];
  for (int64_t k = 0; k < depth; ++k) {
    const float* const w = weights + k * wide;
    for (int64_t i = 0; i < wide; ++i) squares[i] += static_cast<double>(w[i]) * w[i];
  }
  for (int64_t i = 0; i < wide; ++i) {
    const float size = nearest_power_of_2(std::sqrt(squares[i] / static_cast<double>(depth)));
    factors[i] = 1 / size;
    // A column of zeros, as channels have that are only padding, gives zeros and no rounding errors.
    unscale[i] = squares[i] > 0 ? size : 0;
  }
  for (int64_t k = 0; k < depth; ++k) {
    const bool negative = paired_place_is_negative(lanes, depth, k);
    float* const w = weights + k * wide;
    for (int64_t i = 0; i < wide; ++i) w[i] *= negative ? -factors[i] : factors[i];
  }
  for (int64_t k = 0; k < depth; ++k) {
    if (!paired_place_begins_pair(lanes, depth, k)) continue;
    const float *const first = weights + k * wide, *const second = first + wide;
    for (int64_t i = 0; i < wide; ++i) products[i] += static_cast<double>(first[i]) * second[i];
  }
  std::transform(products, products + wide, start, [](double sum) { return static_cast<float>(-sum); });
}

}  // namespace kiln
