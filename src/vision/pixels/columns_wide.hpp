#pragma once

#include "vision/pixels/pixel_vec.hpp"
#include "vision/pixels/pixels_plain.hpp"

/// Resizing for AVX2 and AVX-512: what PixelTable says of rows, columns and planes.
namespace kiln::vision {

namespace {

template <Isa isa>
void widen(const uint8_t* row, int64_t bytes, int16_t* out) {
  using V = PixelVec<isa>;
  constexpr int64_t step = V::bytes / 2;
  if (bytes < step) return widen_plain(row, bytes, out);
  for (int64_t i = 0; i + step <= bytes; i += step) V::store(V::widen(row + i), out + i);
  V::store(V::widen(row + bytes - step), out + bytes - step);
}

template <Isa isa>
void widen_at(const uint8_t* row, const int32_t* offsets, int64_t count, int64_t safe, int16_t* out) {
  using V = PixelVec<isa>;
  int64_t i = 0;
  for (; i + V::lanes <= safe; i += V::lanes) V::store(V::widen_at(row, offsets + i), out + 8 * i);
  widen_at_plain(row, offsets, i, count, safe, out);
}

/// Red, green and blue of four pixels a lane, in order, as 32-bit numbers; or of twice as many, each two in one.
template <Isa isa>
struct Levels {
  typename PixelVec<isa>::Ints colour[3];
};

/// Pixel 4 * k + j has its two neighbours' numbers in eight from at(4 * k + j) on.
template <Isa isa, class At>
[[gnu::always_inline]] inline Levels<isa> sum_columns(const At& at, const uint32_t* weights) {
  using V = PixelVec<isa>;
  using Ints = typename V::Ints;
  const Ints pairs = V::in_each_lane(_mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, -1, -1, -1, -1));
  const Ints all_weights = V::load(weights);
  Ints sums[4];
  unroll<4>([&](auto j) __attribute__((always_inline)) {
    const Ints numbers = V::load_lanes([&](int k) __attribute__((always_inline)) { return at(4 * k + j); });
    sums[j] = V::mul_add16(V::shuffle8(numbers, pairs), V::template repeat32<j>(all_weights));
  });
  const Ints first = V::low32(sums[0], sums[1]), second = V::low32(sums[2], sums[3]);
  const Ints blue = V::low64(V::high32(sums[0], sums[1]), V::high32(sums[2], sums[3]));
  return {V::low64(first, second), V::high64(first, second), blue};
}

/// Keeps the sums of two groups, of which four bits are dropped.
template <Isa isa>
[[gnu::always_inline]] inline void store_mixed(const Levels<isa>& first, const Levels<isa>& second, uint16_t* out) {
  using V = PixelVec<isa>;
  unroll<3>([&](int c) __attribute__((always_inline)) {
    const auto low = V::template right32<4>(first.colour[c]), high = V::template left32<12>(second.colour[c]);
    V::store(V::even_and_odd16(low, high), out + V::bytes / 2 * c);
  });
}

/// Pixel x's two neighbours have their numbers from numbers + offset_of(x) on.
template <Isa isa, class OffsetOf>
[[gnu::always_inline]] inline void mix_lanes(const int16_t* numbers, const Columns& columns, const OffsetOf& offset_of,
                                             uint16_t* out) {
  constexpr int64_t group = 4 * PixelVec<isa>::lanes;
  const auto sums = [&](int64_t x) __attribute__((always_inline)) {
    return sum_columns<isa>(
        [&](int i) __attribute__((always_inline)) { return numbers + offset_of(x + i); }, columns.weights + x);
  };
  for (int64_t x = 0; x < columns.count; x += 2 * group) store_mixed<isa>(sums(x), sums(x + group), out + 3 * x);
}

template <Isa isa>
void mix(const SourceRow& row, const Columns& columns, int16_t* space, uint16_t* out) {
  if (columns.sparse) {
    widen_at<isa>(row.pixels, columns.offsets, columns.count, columns.safe, space);
    mix_lanes<isa>(
        space, columns, [](int64_t x) __attribute__((always_inline)) { return 8 * x; }, out);
  } else {
    widen<isa>(row.pixels, row.bytes, space);
    const int32_t* const offsets = columns.offsets;
    mix_lanes<isa>(
        space, columns, [=](int64_t x) __attribute__((always_inline)) { return offsets[x]; }, out);
  }
}

/// Calls use(x, levels) for pairs of groups, with levels of the first in the lower halves of 32 bits.
template <Isa isa, class Use>
[[gnu::always_inline]] inline void for_pairs(const MixedRows& rows, int64_t count, const Use& use) {
  using V = PixelVec<isa>;
  constexpr int64_t numbers = V::bytes / 2;
  const auto upper = V::set16(rows.upper_weight), lower = V::set16(rows.lower_weight), two = V::set16(2);
  for (int64_t x = 0; x < count; x += numbers) {
    Levels<isa> levels;
    unroll<3>([&](int c) __attribute__((always_inline)) {
      const auto first = V::mul_high_unsigned16(V::load(rows.upper + 3 * x + numbers * c), upper);
      const auto second = V::mul_high_unsigned16(V::load(rows.lower + 3 * x + numbers * c), lower);
      levels.colour[c] = V::template right16<2>(V::add16(V::add16(first, second), two));
    });
    use(x, levels);
  }
}

template <Isa isa>
void mixed_to_floats(const MixedRows& rows, int64_t count, const Planes& to) {
  using V = PixelVec<isa>;
  constexpr int64_t group = 4 * V::lanes;
  const Planes planes = to;
  const auto low_half = V::set32(0xffff);
  for_pairs<isa>(
      rows, count, [&](int64_t x, const Levels<isa>& levels) __attribute__((always_inline)) {
        const bool whole = x + 2 * group <= count;
        unroll<3>([&](int c) __attribute__((always_inline)) {
          float last[2 * group];
          float* const at = whole ? planes.out[c] + x : last;
          V::store_floats(V::bit_and(levels.colour[c], low_half), planes.scale[c], planes.bias[c], at);
          V::store_floats(V::template right32<16>(levels.colour[c]), planes.scale[c], planes.bias[c], at + group);
          if (!whole) std::memcpy(planes.out[c] + x, last, static_cast<size_t>(count - x) * sizeof(float));
        });
      });
}

template <Isa isa>
void mixed_to_pixels(const MixedRows& rows, int64_t count, uint8_t* out) {
  using V = PixelVec<isa>;
  constexpr int64_t group = 4 * V::lanes;
  for_pairs<isa>(
      rows, count, [&](int64_t x, const Levels<isa>& levels) __attribute__((always_inline)) {
        const bool whole = x + 2 * group <= count;
        uint8_t last[6 * group];
        uint8_t* const at = whole ? out + 3 * x : last;
        const auto two = V::bit_or(levels.colour[0], V::template left16<8>(levels.colour[1]));
        V::store_pixels(V::even_and_odd16(two, V::template left32<16>(levels.colour[2])), at);
        V::store_pixels(V::even_and_odd16(V::template right32<16>(two), levels.colour[2]), at + 3 * group);
        if (!whole) std::memcpy(out + 3 * x, last, static_cast<size_t>(3 * (count - x)));
      });
}

template <Isa isa>
void halve(const uint8_t* upper, const uint8_t* lower, int64_t count, uint8_t* out) {
  using V = PixelVec<isa>;
  using Ints = typename V::Ints;
  constexpr int64_t group = 4 * V::lanes, half_bytes = 12 * V::lanes;
  if (count < group) return halve_plain(upper, lower, count, out);
  const Ints pairs = V::in_each_lane(_mm_setr_epi8(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, -1, -1, -1, -1));
  const Ints sixes = V::in_each_lane(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1));
  const auto mean = [&](Ints above, Ints below) __attribute__((always_inline)) {
    const Ints sums = V::add16(V::mul_add8(V::shuffle8(above, pairs), V::set8(1)),
                               V::mul_add8(V::shuffle8(below, pairs), V::set8(1)));
    return V::template right16<2>(V::add16(sums, V::set16(2)));
  };
  const auto store = [&](int64_t x) __attribute__((always_inline)) {
    const uint8_t *const above = upper + 6 * x, *const below = lower + 6 * x;
    const Ints first = mean(V::template load_pixels<false>(above), V::template load_pixels<false>(below));
    const Ints second =
        mean(V::template load_pixels<true>(above + half_bytes), V::template load_pixels<true>(below + half_bytes));
    V::store_twelves(V::shuffle8(V::even_then_odd64(V::pack16(first, second)), sixes), out + 3 * x);
  };
  int64_t x = 0;
  for (; x + group <= count; x += group) store(x);
  if (x < count) store(count - group);
}

template <Isa isa>
void pixels_to_floats(const uint8_t* pixels, int64_t count, const Planes& to) {
  using V = PixelVec<isa>;
  constexpr int64_t group = 4 * V::lanes;
  if (3 * count < V::bytes) return pixels_to_floats_plain(pixels, count, to);
  const Planes planes = to;
  const auto spread = [&](int64_t x, typename V::Ints four_each) __attribute__((always_inline)) {
    unroll<3>([&](int c) __attribute__((always_inline)) {
      const auto one = V::in_each_lane(_mm_setr_epi8(c, -1, -1, -1, c + 3, -1, -1, -1, c + 6, -1, -1, -1,  //
                                                     c + 9, -1, -1, -1));
      V::store_floats(V::shuffle8(four_each, one), planes.scale[c], planes.bias[c], planes.out[c] + x);
    });
  };
  // All but the first group are loaded with bytes before them, so that nothing is read behind the last.
  spread(0, V::template load_pixels<false>(pixels));
  int64_t x = group;
  for (; x + group <= count; x += group) spread(x, V::template load_pixels<true>(pixels + 3 * x));
  if (x < count) spread(count - group, V::template load_pixels<true>(pixels + 3 * (count - group)));
}

template <Isa isa>
void fill(float value, int64_t count, float* out) {
  using V = PixelVec<isa>;
  constexpr int64_t step = V::bytes / 4;
  if (count < step) return fill_plain(value, count, out);
  int32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const auto values = V::set32(bits);
  for (int64_t i = 0; i + step <= count; i += step) V::store(values, out + i);
  V::store(values, out + count - step);
}

}  // namespace

}  // namespace kiln::vision
