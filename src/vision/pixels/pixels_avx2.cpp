#include <immintrin.h>

#include "vision/pixels/pixel_table.hpp"
#include "vision/pixels/pixels_plain.hpp"

namespace kiln::vision {

namespace {

struct FourPixels {
  __m256i red_green, blue;  ///< 32-bit sums of pixels 0 and 1 in the lower half, 2 and 3 in the upper
};

/// Eight bytes hold a pixel and the one to its right.
__m128i load_two(const uint8_t* line, const int32_t* offsets) {
  const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(line + offsets[0]));
  const __m128i second = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(line + offsets[1]));
  return _mm_unpacklo_epi64(first, second);
}

FourPixels mix_bytes(__m256i bytes, __m256i each_twice) {
  const __m256i pick_red_green =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 8, -1, 11, -1, 9, -1, 12, -1));
  const __m256i pick_blue =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, -1, 5, -1, -1, -1, -1, -1, 10, -1, 13, -1, -1, -1, -1, -1));
  return {_mm256_srli_epi32(_mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pick_red_green), each_twice), 4),
          _mm256_srli_epi32(_mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pick_blue), each_twice), 4)};
}

/// Each of four weights twice, as mix_bytes has the pixels.
__m256i twice(const uint32_t* weights) {
  const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
  return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(four), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

FourPixels mix_four(const uint8_t* line, const int32_t* offsets, const uint32_t* weights) {
  return mix_bytes(_mm256_set_m128i(load_two(line, offsets + 2), load_two(line, offsets)), twice(weights));
}

/// The pixels at four places, `further` bytes behind them, and those to their right.
FourPixels mix_at(const uint8_t* const* at, int64_t further, __m256i each_twice) {
  const auto load = [&](int k) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at[k] + further)); };
  return mix_bytes(_mm256_set_m128i(_mm_unpacklo_epi64(load(2), load(3)), _mm_unpacklo_epi64(load(0), load(1))),
                   each_twice);
}

void across(const uint8_t* line, const int32_t* offsets, const uint32_t* weights, int64_t count, int64_t safe,
            int16_t* out, int64_t plane) {
  // Brings the first colour of four pixels to the front of each half, then the halves together.
  const __m256i sort = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  const __m256i join = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  int64_t x = 0;
  for (; x + 8 <= safe; x += 8) {
    const FourPixels first = mix_four(line, offsets + x, weights + x);
    const FourPixels second = mix_four(line, offsets + x + 4, weights + x + 4);
    const __m256i red_green = _mm256_permutevar8x32_epi32(
        _mm256_shuffle_epi8(_mm256_packs_epi32(first.red_green, second.red_green), sort), join);
    const __m256i blue =
        _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(_mm256_packs_epi32(first.blue, second.blue), sort), join);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), _mm256_castsi256_si128(red_green));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + plane + x), _mm256_extracti128_si256(red_green, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * plane + x), _mm256_castsi256_si128(blue));
  }
  across_plain(line, offsets, weights, x, count, out, plane);
}

/// Sixteen levels.
__m256i mix_lines(const int16_t* upper, const int16_t* lower, __m256i upper_weight, __m256i lower_weight) {
  const __m256i above = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper));
  const __m256i below = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
  const __m256i sum =
      _mm256_add_epi16(_mm256_mulhi_epi16(above, upper_weight), _mm256_mulhi_epi16(below, lower_weight));
  return _mm256_srli_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
}

void down_to_floats(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                    int64_t count, float scale, float bias, float* out) {
  const __m256i w0 = _mm256_set1_epi16(static_cast<int16_t>(upper_weight));
  const __m256i w1 = _mm256_set1_epi16(static_cast<int16_t>(lower_weight));
  const __m256 factor = _mm256_set1_ps(scale), summand = _mm256_set1_ps(bias);
  int64_t x = 0;
  for (; x + 16 <= count; x += 16) {
    const __m256i levels = mix_lines(upper + x, lower + x, w0, w1);
    const __m256 first = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(levels)));
    const __m256 second = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(levels, 1)));
    _mm256_storeu_ps(out + x, _mm256_add_ps(_mm256_mul_ps(first, factor), summand));
    _mm256_storeu_ps(out + x + 8, _mm256_add_ps(_mm256_mul_ps(second, factor), summand));
  }
  floats_plain(upper, lower, upper_weight, lower_weight, x, count, scale, bias, out);
}

/// Sixteen levels as bytes.
__m128i narrow(__m256i levels) {
  return _mm_packus_epi16(_mm256_castsi256_si128(levels), _mm256_extracti128_si256(levels, 1));
}

/// Which bytes of a colour's plane make bytes 16 * part and on of a line of pixels; -1 where another colour's do.
struct Picks {
  alignas(16) int8_t bytes[16];

  constexpr Picks(int part, int colour) : bytes() {
    for (int i = 0; i < 16; ++i) {
      const int byte = 16 * part + i;
      bytes[i] = byte % 3 == colour ? static_cast<int8_t>(byte / 3) : int8_t{-1};
    }
  }
};

template <int part, int colour>
__m128i pick(__m128i plane) {
  static constexpr Picks picks(part, colour);
  return _mm_shuffle_epi8(plane, _mm_load_si128(reinterpret_cast<const __m128i*>(picks.bytes)));
}

template <int part>
__m128i pixels_of(__m128i red, __m128i green, __m128i blue) {
  return _mm_or_si128(_mm_or_si128(pick<part, 0>(red), pick<part, 1>(green)), pick<part, 2>(blue));
}

void down_to_pixels(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                    int64_t count, int64_t plane, uint8_t* out) {
  const __m256i w0 = _mm256_set1_epi16(static_cast<int16_t>(upper_weight));
  const __m256i w1 = _mm256_set1_epi16(static_cast<int16_t>(lower_weight));
  int64_t x = 0;
  for (; x + 16 <= count; x += 16) {
    const __m128i red = narrow(mix_lines(upper + x, lower + x, w0, w1));
    const __m128i green = narrow(mix_lines(upper + plane + x, lower + plane + x, w0, w1));
    const __m128i blue = narrow(mix_lines(upper + 2 * plane + x, lower + 2 * plane + x, w0, w1));
    auto* to = reinterpret_cast<__m128i*>(out + 3 * x);
    _mm_storeu_si128(to, pixels_of<0>(red, green, blue));
    _mm_storeu_si128(to + 1, pixels_of<1>(red, green, blue));
    _mm_storeu_si128(to + 2, pixels_of<2>(red, green, blue));
  }
  pixels_plain(upper, lower, upper_weight, lower_weight, x, count, plane, out);
}

/// Floors of eight places from `first` on, clamped to 0 and `last`, and the weights, of 2048, of what follows them.
struct EightPlaces {
  __m256i whole, weight;

  EightPlaces(double first, double step, int64_t last) {
    // Seen from the first one's floor, so that floats are exact enough in a large picture too.
    const auto base = static_cast<int32_t>(first);
    const __m256 lanes = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256 places = _mm256_add_ps(_mm256_set1_ps(static_cast<float>(first - base)),
                                        _mm256_mul_ps(lanes, _mm256_set1_ps(static_cast<float>(step))));
    __m256i floors = _mm256_cvttps_epi32(_mm256_floor_ps(places));
    floors = _mm256_max_epi32(floors, _mm256_set1_epi32(-base));
    floors = _mm256_min_epi32(floors, _mm256_set1_epi32(static_cast<int32_t>(last) - base));
    const __m256 rest = _mm256_sub_ps(places, _mm256_cvtepi32_ps(floors));
    whole = _mm256_add_epi32(floors, _mm256_set1_epi32(base));
    weight = _mm256_cvtps_epi32(_mm256_mul_ps(rest, _mm256_set1_ps(2048)));
    weight = _mm256_min_epi32(_mm256_max_epi32(weight, _mm256_setzero_si256()), _mm256_set1_epi32(2048));
  }
  /// Weights of both neighbours, of the first in the lower half.
  __m256i both_weights() const {
    return _mm256_or_si256(_mm256_sub_epi32(_mm256_set1_epi32(2048), weight), _mm256_slli_epi32(weight, 16));
  }
};

/// Two lines mixed: sums of 22 bits, of which four were cut, as levels.
__m256i mix_down(__m256i upper, __m256i lower, __m256i weights) {
  const __m256i sum = _mm256_madd_epi16(_mm256_or_si256(upper, _mm256_slli_epi32(lower, 16)), weights);
  return _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << 17)), 18);
}

void store_four(const FourPixels& pixels, uint8_t* out) {
  const __m256i words = _mm256_packus_epi32(pixels.red_green, pixels.blue);
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 2, 3, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const __m256i sorted = _mm256_shuffle_epi8(bytes, order);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(sorted));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 6), _mm256_extracti128_si256(sorted, 1));
}

void along_line(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, LinePlaces places, int64_t count,
                uint8_t* out) {
  alignas(32) int32_t columns[8], rows[8];
  alignas(32) uint32_t across_weights[8], down_weights[8];
  for (int64_t i = 0; i < count; i += 8) {
    const auto done = static_cast<double>(i);
    const EightPlaces x(places.x + done * places.step_x, places.step_x, width - 3);
    const EightPlaces y(places.y + done * places.step_y, places.step_y, height - 2);
    _mm256_store_si256(reinterpret_cast<__m256i*>(columns), x.whole);
    _mm256_store_si256(reinterpret_cast<__m256i*>(rows), y.whole);
    _mm256_store_si256(reinterpret_cast<__m256i*>(across_weights), x.both_weights());
    _mm256_store_si256(reinterpret_cast<__m256i*>(down_weights), y.both_weights());
    for (int half = 0; half < 8; half += 4) {
      const uint8_t* at[4];
      for (int k = 0; k < 4; ++k)
        at[k] = pixels + rows[half + k] * stride + 3 * static_cast<int64_t>(columns[half + k]);
      const __m256i across_each = twice(across_weights + half), down_each = twice(down_weights + half);
      const FourPixels upper = mix_at(at, 0, across_each), lower = mix_at(at, stride, across_each);
      store_four({mix_down(upper.red_green, lower.red_green, down_each), mix_down(upper.blue, lower.blue, down_each)},
                 out + 3 * (i + half));
    }
  }
}

/// Red, green and blue of one pixel as 32-bit sums: in each row two neighbours in the lower half, two in the upper.
__m128i cubic_sums(const uint8_t* from, int64_t stride, const int16_t* weights) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i all = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights));
  const auto mix = [&](const uint8_t* row, __m256i of_row) {
    const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
    return _mm256_madd_epi16(_mm256_shuffle_epi8(bytes, pairs), _mm256_permutevar8x32_epi32(all, of_row));
  };
  const __m256i first = _mm256_add_epi32(mix(from, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1)),
                                         mix(from + stride, _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3)));
  const __m256i second = _mm256_add_epi32(mix(from + 2 * stride, _mm256_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5)),
                                          mix(from + 3 * stride, _mm256_setr_epi32(6, 6, 6, 6, 7, 7, 7, 7)));
  const __m256i sums = _mm256_add_epi32(first, second);
  const __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (cubic_bits - 1))), cubic_bits);
}

void cubic(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows, int64_t count,
           uint8_t* out) {
  const int16_t* const weights = cubic_weights();
  const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const auto pixel = [&](int64_t k) {
      const uint8_t* from = pixels + (rows[k] / cubic_steps - 1) * stride + 3 * int64_t{columns[k] / cubic_steps - 1};
      return cubic_sums(from, stride, cubic_weights_of(columns[k], rows[k], weights));
    };
    const __m128i words_first = _mm_packs_epi32(pixel(i), pixel(i + 1));
    const __m128i words_second = _mm_packs_epi32(pixel(i + 2), pixel(i + 3));
    const __m128i sorted = _mm_shuffle_epi8(_mm_packus_epi16(words_first, words_second), order);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 3 * i), sorted);
    _mm_storeu_si32(out + 3 * i + 8, _mm_srli_si128(sorted, 8));
  }
  cubic_plain(pixels, stride, columns, rows, i, count, weights, out);
}

}  // namespace

extern constinit const PixelTable pixel_table_avx2{across, down_to_floats, down_to_pixels, along_line, cubic};

}  // namespace kiln::vision
