#pragma once

#include "kernels/reduce/reduce_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by reduce_impl.hpp only.
namespace kiln {

/// A number turned so that the greatest is the best.
template <bool least, class V>
[[gnu::always_inline]] inline V rank_of(V x) {
  return least ? V::all(0.0f) - x : x;
}

inline constexpr float lane_numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/// The part of the row with the best number is found first, and then the place in it.
template <Isa isa, bool least, bool last>
[[gnu::noinline]] int64_t best_of_row(const float* in, int64_t n) {
  using V = Vec<float, isa>;
  constexpr int chains = 4, lanes = V::lanes;
  constexpr int64_t part = int64_t{4} * chains * lanes;
  const V nothing = V::all(-__builtin_inff()), zero = V::all(0.0f);
  V nan = zero;
  const auto look = [&](V x, V & best) __attribute__((always_inline)) {
    nan = V::select(is_nan(x), x, nan);
    best = max(rank_of<least>(x), best);
  };
  float best = -__builtin_inff();
  int64_t begin = 0;
  for (int64_t k = 0; k < n; k += part) {
    const int64_t end = n - k < part ? n : k + part;
    V parts[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { parts[i] = nothing; });
    int64_t at = k;
    for (; at + chains * lanes <= end; at += chains * lanes) {
      unroll<chains>([&](int i) __attribute__((always_inline)) { look(V::load(in + at + i * lanes), parts[i]); });
    }
    for (; at + lanes <= end; at += lanes) look(V::load(in + at), parts[0]);
    if (at < end) look(V::load_first(in + at, static_cast<int>(end - at), rank_of<least>(nothing)), parts[1]);
    const float found = largest(max(max(parts[0], parts[1]), max(parts[2], parts[3])));
    if (last ? found >= best : found > best) {
      best = found;
      begin = k;
    }
  }
  if (const float any = sum(nan); any != any) return -1;
  const int64_t end = n - begin < part ? n : begin + part;
  const V all_best = V::all(best);
  V place = V::all(last ? -1.0f : static_cast<float>(part));
  for (int64_t k = begin; k < end; k += lanes) {
    const int left = static_cast<int>(end - k < lanes ? end - k : lanes);
    const V x = left == lanes ? V::load(in + k) : V::load_first(in + k, left, rank_of<least>(nothing));
    const V index = V::load(lane_numbers) + V::all(static_cast<float>(k - begin));
    const V beaten = place;
    const V better = last ? max(index, place) : min(index, place);
    place = V::select(rank_of<least>(x) < all_best, beaten, better);
  }
  if (last) {
    // The padding of the last register may rank as the best.
    const int64_t found = static_cast<int64_t>(largest(place));
    return begin + found < end ? begin + found : end - 1;
  }
  return begin + static_cast<int64_t>(-largest(V::all(0.0f) - place));
}

/// Row after row is joined to the best so far, as memory likes it best.
template <Isa isa, bool least, bool last>
[[gnu::noinline]] bool best_of_columns(const float* in, int64_t n, int64_t step, int64_t width, float* indices) {
  using V = Vec<float, isa>;
  constexpr int64_t lanes = V::lanes;
  float best[ReduceTable::most_best_columns];
  for (int64_t x = 0; x < width; x += lanes) {
    V::all(-__builtin_inff()).store(best + x);
    V::all(static_cast<float>(last ? n - 1 : 0)).store(indices + x);
  }
  V nan = V::all(0.0f);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = last ? n - 1 - i : i;
    const float* const row = in + k * step;
    const V index = V::all(static_cast<float>(k));
    const auto look = [&](V x, int64_t at) __attribute__((always_inline)) {
      nan = V::select(is_nan(x), x, nan);
      const V rank = rank_of<least>(x), before = V::load(best + at);
      const auto better = before < rank;
      V::select(better, index, V::load(indices + at)).store(indices + at);
      V::select(better, rank, before).store(best + at);
    };
    int64_t x = 0;
    for (; x + lanes <= width; x += lanes) look(V::load(row + x), x);
    if (x < width) look(V::load_first(row + x, static_cast<int>(width - x)), x);
  }
  const float any = sum(nan);
  return any == any;
}

template <Isa isa, bool below>
[[gnu::noinline]] int64_t next_beyond(const float* in, int64_t begin, int64_t n, float limit) {
  using V = Vec<float, isa>;
  constexpr int chains = 4, lanes = V::lanes;
  const float bar = below ? -limit : limit;
  const V high = V::all(__builtin_inff());
  const auto look = [&](V x) __attribute__((always_inline)) { return V::select(is_nan(x), high, rank_of<below>(x)); };
  int64_t k = begin;
  for (; k + chains * lanes <= n; k += chains * lanes) {
    V found[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { found[i] = look(V::load(in + k + i * lanes)); });
    if (largest(max(max(found[0], found[1]), max(found[2], found[3]))) > bar) return k;
  }
  for (; k < n; ++k) {
    const float x = below ? -in[k] : in[k];
    if (x > bar || x != x) return k;
  }
  return n;
}

}  // namespace kiln
