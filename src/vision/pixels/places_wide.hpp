#pragma once

#include "vision/pixels/pixel_vec_avx2.hpp"
#include "vision/pixels/pixels_plain.hpp"

/// Warping for AVX2 and AVX-512: what PixelTable says of lines, places and bicubic pixels.
namespace kiln::vision {

namespace {

/// Weights across are of 255, so that a byte holds them, and weights down make 2^22 of that but for 64, which no level
/// is large enough to notice.
inline constexpr int across_sum = 255, down_sum = 16448, place_bits = 22;

/// Places along one axis of a group of neighbouring pixels, in units of 2^-16.
template <Isa isa>
class GroupPlaces {
 public:
  using V = PixelVec<isa>;
  using Ints = typename V::Ints;

  GroupPlaces(int64_t first, int64_t step) : next_(first), step_(step) {
    // Each eight pixels begin anew, whatever the instruction set, so that all see the same places.
    alignas(64) int32_t further[4 * V::lanes];
    for (int64_t k = 0; k < 4 * V::lanes; ++k) further[k] = static_cast<int32_t>(((k % 8) * step + (1 << 15)) >> 16);
    further_ = V::load(further);
  }
  [[gnu::always_inline]] Ints next() {
    const int32_t eights[2] = {static_cast<int32_t>(next_ >> 16), static_cast<int32_t>((next_ + 8 * step_) >> 16)};
    next_ += 4 * V::lanes * step_;
    return V::add32(V::set_eights(eights), further_);
  }

 private:
  int64_t next_, step_;
  Ints further_;
};

/// Where neighbouring pixels of the result are taken, and with which weights: worked out for all of them first.
struct TakenPixels {
  static constexpr int64_t most = 256;
  alignas(64) uint32_t offsets[most];
  alignas(64) uint32_t across[most];  ///< the left one's and the right one's in a byte each, twice
  alignas(64) uint32_t down[most];    ///< the upper one's and the lower one's
};

/// Groups that hold `count` pixels; what is more than that is taken where the first is.
template <Isa isa>
[[gnu::always_inline]] inline void find_taken(GroupPlaces<isa>& columns, GroupPlaces<isa>& rows, int64_t stride,
                                              int64_t count, TakenPixels& taken) {
  using V = PixelVec<isa>;
  using Ints = typename V::Ints;
  constexpr int64_t group = 4 * V::lanes;
  const Ints row_bytes = V::set32(static_cast<int32_t>(stride)), low_half = V::set32(0xffff);
  const Ints repeated = V::in_each_lane(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
  int64_t i = 0;
  for (; i < count; i += group) {
    const Ints x = columns.next(), y = rows.next();
    const Ints column = V::template right32<16>(x);
    const Ints in_row = V::add32(V::add32(column, column), column);
    V::store(V::add32(V::mul32(V::template right32<16>(y), row_bytes), in_row), taken.offsets + i);
    const Ints right = V::mul_high_unsigned16(x, V::set16(across_sum));
    const Ints both = V::add16(V::mul16(right, V::set16(across_sum)), V::set16(across_sum));
    V::store(V::shuffle8(both, repeated), taken.across + i);
    const Ints lower = V::bit_and(V::mul_high_unsigned16(y, V::set16(down_sum)), low_half);
    V::store(V::add32(V::sub32(V::template left32<16>(lower), lower), V::set32(down_sum)), taken.down + i);
  }
  for (int64_t k = count; k < i; ++k) taken.offsets[k] = taken.offsets[0];
}

/// A group of pixels, each with a byte that is zero.
template <Isa isa>
[[gnu::always_inline]] inline typename PixelVec<isa>::Ints take_group(const uint8_t* pixels, int64_t stride,
                                                                      const TakenPixels& taken, int64_t i) {
  using V = PixelVec<isa>;
  using Ints = typename V::Ints;
  const Ints order = V::in_each_lane(_mm_setr_epi8(0, 3, 8, 11, 1, 4, 9, 12, 2, 5, 10, 13, -1, -1, -1, -1));
  Ints four[4];
  unroll<4>([&](int j) __attribute__((always_inline)) {
    four[j] = V::shuffle8(V::load_both(pixels, pixels + stride, taken.offsets + i + j), order);
  });
  const Ints first = V::low32(four[0], four[1]), second = V::low32(four[2], four[3]);
  const Ints blue = V::low64(V::high32(four[0], four[1]), V::high32(four[2], four[3]));
  const Ints across = V::load(taken.across + i), down = V::load(taken.down + i);
  const auto level = [&](Ints neighbours) __attribute__((always_inline)) {
    constexpr int zero = 128 * across_sum * down_sum + (1 << (place_bits - 1));
    const Ints rows = V::mul_add8(across, V::bit_xor(neighbours, V::set8(0x80)));
    return V::template right32<place_bits>(V::add32(V::mul_add16(rows, down), V::set32(zero)));
  };
  const Ints green = V::template left32<8>(level(V::high64(first, second)));
  return V::bit_or(level(V::low64(first, second)), V::bit_or(green, V::template left32<16>(level(blue))));
}

template <Isa isa>
int64_t along_line(const uint8_t* pixels, int64_t stride, const LinePlaces& places, int64_t count, uint8_t* out) {
  using V = PixelVec<isa>;
  constexpr int64_t group = 4 * V::lanes;
  // Half a unit of the weights across.
  GroupPlaces<isa> columns(places.x + (int64_t{1} << 23), places.step_x), rows(places.y, places.step_y);
  TakenPixels taken;
  for (int64_t begin = 0; begin < count; begin += TakenPixels::most) {
    const int64_t here = count - begin < TakenPixels::most ? count - begin : TakenPixels::most;
    find_taken<isa>(columns, rows, stride, here, taken);
    int64_t i = 0;
    for (; i + group <= here; i += group) {
      V::store_pixels(take_group<isa>(pixels, stride, taken, i), out + 3 * (begin + i));
    }
    if (i < here) {
      uint8_t last[3 * group];
      V::store_pixels(take_group<isa>(pixels, stride, taken, i), last);
      std::memcpy(out + 3 * (begin + i), last, static_cast<size_t>(3 * (here - i)));
    }
  }
  return count;
}

/// Red, green and blue of one pixel as 32-bit sums: in each row two neighbours in the lower half, two in the upper.
[[gnu::always_inline]] inline __m256i cubic_sums(const uint8_t* from, int64_t stride, const int16_t* across_weights,
                                                 const int16_t* down_weights) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i two_each = _mm256_setr_epi32(0x03020100, 0x03020100, 0x03020100, 0x03020100,  //
                                             0x07060504, 0x07060504, 0x07060504, 0x07060504);
  int64_t four = 0;
  std::memcpy(&four, across_weights, sizeof four);
  const __m256i across = _mm256_shuffle_epi8(_mm256_set1_epi64x(four), two_each);
  const auto mix = [&](const uint8_t* row) __attribute__((always_inline)) {
    const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
    return _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pairs), across);
  };
  const auto mix_two = [&](int64_t row) __attribute__((always_inline)) {
    const __m256i upper = _mm256_srli_epi32(mix(from + row * stride), cubic_cut);
    const __m256i lower = _mm256_slli_epi32(mix(from + (row + 1) * stride), 16 - cubic_cut);
    int32_t two = 0;
    std::memcpy(&two, down_weights + row, sizeof two);
    return _mm256_madd_epi16(_mm256_blend_epi16(upper, lower, 0xaa), _mm256_set1_epi32(two));
  };
  return _mm256_add_epi32(mix_two(0), mix_two(2));
}

/// Where pixels begin that are taken bicubically, and their weights.
struct CubicPixels {
  static constexpr int64_t most = 256;
  alignas(32) int32_t offsets[most], across[most], down[most];

  /// Of eights that hold `count` pixels; what is more than that is taken where the first is.
  [[gnu::always_inline]] void find(const int32_t* columns, const int32_t* rows, int64_t stride, int64_t count) {
    const auto places = [&](int64_t i, __m256i x, __m256i y) __attribute__((always_inline)) {
      const __m256i one = _mm256_set1_epi32(1), rest = _mm256_set1_epi32(cubic_steps - 1);
      const __m256i column = _mm256_sub_epi32(_mm256_srai_epi32(x, cubic_step_bits), one);
      const __m256i row = _mm256_sub_epi32(_mm256_srai_epi32(y, cubic_step_bits), one);
      const __m256i in_row = _mm256_add_epi32(_mm256_add_epi32(column, column), column);
      const __m256i above = _mm256_mullo_epi32(row, _mm256_set1_epi32(static_cast<int32_t>(stride)));
      const auto store = [&](__m256i numbers, int32_t * to) __attribute__((always_inline)) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(to + i), numbers);
      };
      store(_mm256_add_epi32(above, in_row), offsets);
      store(_mm256_slli_epi32(_mm256_and_si256(x, rest), 2), across);
      store(_mm256_slli_epi32(_mm256_and_si256(y, rest), 2), down);
    };
    const auto load = [](const int32_t* from) __attribute__((always_inline)) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    };
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) places(i, load(columns + i), load(rows + i));
    if (i == count) return;
    alignas(32) int32_t x[8], y[8];
    for (int64_t k = 0; k < 8; ++k) {
      x[k] = columns[i + k < count ? i + k : 0];
      y[k] = rows[i + k < count ? i + k : 0];
    }
    places(i, load(x), load(y));
  }
};

/// Eight pixels, each with a byte that is left out.
[[gnu::always_inline]] inline __m256i cubic_eight(const uint8_t* pixels, int64_t stride, const CubicPixels& places,
                                                  const int16_t* weights, int64_t i) {
  const auto sums = [&](int64_t k) __attribute__((always_inline)) {
    return cubic_sums(pixels + places.offsets[k], stride, weights + places.across[k], weights + places.down[k]);
  };
  /// Pixel k in the lower half and pixel k + 4 in the upper.
  const auto two = [&](int64_t k) __attribute__((always_inline)) {
    const __m256i low = sums(k), high = sums(k + 4);
    const __m256i sum =
        _mm256_add_epi32(_mm256_blend_epi32(low, high, 0xf0), _mm256_permute2x128_si256(low, high, 0x21));
    constexpr int bits = 2 * cubic_bits - cubic_cut;
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (bits - 1))), bits);
  };
  const __m256i first = _mm256_packs_epi32(two(i), two(i + 1));
  return _mm256_packus_epi16(first, _mm256_packs_epi32(two(i + 2), two(i + 3)));
}

template <Isa>
void cubic(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows, int64_t count,
           uint8_t* out) {
  using V = PixelVec<Isa::avx2>;
  const int16_t* const weights = cubic_weights();
  CubicPixels places;
  for (int64_t begin = 0; begin < count; begin += CubicPixels::most) {
    const int64_t here = count - begin < CubicPixels::most ? count - begin : CubicPixels::most;
    places.find(columns + begin, rows + begin, stride, here);
    int64_t i = 0;
    for (; i + 8 <= here; i += 8) {
      V::store_pixels(cubic_eight(pixels, stride, places, weights, i), out + 3 * (begin + i));
    }
    if (i < here) {
      uint8_t last[24];
      V::store_pixels(cubic_eight(pixels, stride, places, weights, i), last);
      std::memcpy(out + 3 * (begin + i), last, static_cast<size_t>(3 * (here - i)));
    }
  }
}

/// to_steps() of four places.
[[gnu::always_inline]] inline __m128i four_steps(__m256d places) {
  places = _mm256_mul_pd(places, _mm256_set1_pd(cubic_steps));
  // Both give their second argument where one is no number.
  places = _mm256_max_pd(places, _mm256_set1_pd(-farthest_step));
  places = _mm256_min_pd(places, _mm256_set1_pd(farthest_step));
  const __m256i bits = _mm256_castpd_si256(_mm256_add_pd(places, _mm256_set1_pd(step_rounder)));
  return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bits, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
}

template <Isa>
PlaceRange find_places(const ProjectedRow& row, int64_t count, int32_t* columns, int32_t* rows) {
  const auto line = [](double first, double step, __m256d at) __attribute__((always_inline)) {
    return _mm256_add_pd(_mm256_mul_pd(_mm256_set1_pd(step), at), _mm256_set1_pd(first));
  };
  PlaceRange range = no_places();
  __m128i least_x = _mm_set1_epi32(range.first_column), most_x = _mm_set1_epi32(range.last_column);
  __m128i least_y = least_x, most_y = most_x;
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const __m256d at = _mm256_add_pd(_mm256_set1_pd(static_cast<double>(i)), _mm256_setr_pd(0, 1, 2, 3));
    const __m256d depth = line(row.depth, row.ddepth, at);
    const __m256d no_depth = _mm256_cmp_pd(depth, _mm256_setzero_pd(), _CMP_EQ_OQ);
    const __m256d scale = _mm256_andnot_pd(no_depth, _mm256_div_pd(_mm256_set1_pd(1), depth));
    const __m128i x = four_steps(_mm256_mul_pd(line(row.x, row.dx, at), scale));
    const __m128i y = four_steps(_mm256_mul_pd(line(row.y, row.dy, at), scale));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(columns + i), x);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows + i), y);
    least_x = _mm_min_epi32(least_x, x);
    most_x = _mm_max_epi32(most_x, x);
    least_y = _mm_min_epi32(least_y, y);
    most_y = _mm_max_epi32(most_y, y);
  }
  if (i > 0) {
    alignas(16) int32_t numbers[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(numbers), least_x);
    _mm_store_si128(reinterpret_cast<__m128i*>(numbers + 4), most_x);
    _mm_store_si128(reinterpret_cast<__m128i*>(numbers + 8), least_y);
    _mm_store_si128(reinterpret_cast<__m128i*>(numbers + 12), most_y);
    for (int k = 0; k < 4; ++k) {
      take_in(range, numbers[k], numbers[8 + k]);
      take_in(range, numbers[4 + k], numbers[12 + k]);
    }
  }
  find_places_plain(row, i, count, columns, rows, range);
  return range;
}

}  // namespace

}  // namespace kiln::vision
