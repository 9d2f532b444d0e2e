#pragma once

#include <limits>

#include "kernels/attention/attention_rows_table.hpp"
#include "kernels/simd/math.hpp"

/// Included by attention_rows_<isa>.cpp only.
namespace kiln {

/// e^x for x <= 0 within 2e-7; 0 below -87, so that no denormals come up.
template <class V>
[[gnu::always_inline]] inline V exp_of_negative(V x) {
  const V least = V::all(-87.0f), held = max(least, x);
  const V n = round(held * V::all(0x1.715476p0f));
  const V r = fma(n, V::all(-0x1.7f7d1cp-20f), fma(n, V::all(-0x1.62e4p-1f), held));
  constexpr float taylor[] = {1.0f, 1.0f, 1 / 2.0f, 1 / 6.0f, 1 / 24.0f, 1 / 120.0f, 1 / 720.0f};
  return V::select(x < least, V::all(0.0f), polynomial(r, taylor) * power_of_2(n));
}

template <class V>
[[gnu::always_inline]] inline void fill(float* from, float* to, float value) {
  for (; from + V::lanes <= to; from += V::lanes) V::all(value).store(from);
  for (; from < to; ++from) *from = value;
}

/// max() that keeps the largest of two registers while it reads scores and mask.
template <Isa isa, bool masked>
[[gnu::always_inline]] inline void weigh_seen(const AttentionRowArgs& a, int64_t begin, int64_t end) {
  using V = Vec<float, isa>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const int64_t last = end - V::lanes, rest = a.end - last;
  const auto score = [&](int64_t at) __attribute__((always_inline)) {
    V x = V::load(a.scores + at);
    if constexpr (masked) {
      x = x + (at < last ? V::load(a.mask + at) : V::load_first(a.mask + at, static_cast<int>(rest)));
    }
    return x;
  };
  V most = V::all(-infinity), more = most;
  int64_t at = begin;
  for (; at + 2 * V::lanes <= end; at += 2 * V::lanes) {
    most = max(most, score(at));
    more = max(more, score(at + V::lanes));
  }
  if (at < end) most = max(most, score(at));
  const float before = a.first ? -infinity : *a.largest, found = largest(max(most, more));
  const float now = found < before ? before : found;
  // Where nothing is seen, all weights come out as 0.
  const V base = V::all(now == -infinity ? 0.0f : now);
  V sums = V::all(0.0f), sums2 = sums;
  for (at = begin; at + 2 * V::lanes <= end; at += 2 * V::lanes) {
    const V x = exp_of_negative(score(at) - base), y = exp_of_negative(score(at + V::lanes) - base);
    x.store(a.scores + at);
    y.store(a.scores + at + V::lanes);
    sums = sums + x;
    sums2 = sums2 + y;
  }
  if (at < end) {
    const V x = exp_of_negative(score(at) - base);
    x.store(a.scores + at);
    sums = sums + x;
  }
  float total = sum(sums + sums2);
  if (!a.first) {
    const V shrink = exp_of_negative(V::all(before) - base);
    float factor[V::lanes];
    shrink.store(factor);
    total += *a.sum * factor[0];
    if (now != before) {
      for (int64_t i = 0; i < a.out_floats; i += V::lanes) (V::load(a.out + i) * shrink).store(a.out + i);
    }
  }
  *a.largest = now;
  *a.sum = total;
}

template <Isa isa>
void weigh_row(const AttentionRowArgs& a) {
  using V = Vec<float, isa>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (a.end <= a.begin) {
    fill<V>(a.scores, a.scores + a.keys, 0.0f);
    if (a.first) *a.largest = -infinity, *a.sum = 0;
    return;
  }
  const int64_t begin = a.begin / V::lanes * V::lanes, end = (a.end + V::lanes - 1) / V::lanes * V::lanes;
  if (a.softcap != 0) {
    const V cap = V::all(a.softcap), inverse = V::all(1 / a.softcap);
    for (int64_t i = begin; i < end; i += V::lanes) (cap * tanh(V::load(a.scores + i) * inverse)).store(a.scores + i);
  }
  for (int64_t i = begin; i < a.begin; ++i) a.scores[i] = -infinity;
  for (int64_t i = a.end; i < end; ++i) a.scores[i] = -infinity;
  if (a.mask == nullptr) {
    weigh_seen<isa, false>(a, begin, end);
  } else {
    weigh_seen<isa, true>(a, begin, end);
  }
  fill<V>(a.scores, a.scores + begin, 0.0f);
  if (end < a.keys) fill<V>(a.scores + end, a.scores + a.keys, 0.0f);
}

template <Isa isa>
void finish_row(const float* sums, float sum, int64_t count, float* to) {
  using V = Vec<float, isa>;
  const V factor = V::all(sum == 0 ? 0.0f : 1 / sum);
  int64_t i = 0;
  for (; i + V::lanes <= count; i += V::lanes) (V::load(sums + i) * factor).store(to + i);
  if (i < count) (V::load(sums + i) * factor).store_first(to + i, static_cast<int>(count - i));
}

/// Scores of `count` keys at once, so that their sums do not wait for each other.
template <int count, Isa isa>
[[gnu::always_inline]] inline void score_keys(const AttentionScoreArgs& a, int64_t key) {
  using V = Vec<float, isa>;
  const float* const k = a.k + key * a.k_row;
  V sums[count];
  for (V& each : sums) each = V::all(0.0f);
  int64_t i = 0;
  for (; i + V::lanes <= a.size; i += V::lanes) {
    const V q = V::load(a.q + i);
    unroll<count>([&](int j)
                      __attribute__((always_inline)) { sums[j] = fma(q, V::load(k + j * a.k_row + i), sums[j]); });
  }
  if (const int rest = static_cast<int>(a.size - i); rest != 0) {
    const V q = V::load_first(a.q + i, rest);
    unroll<count>([&](int j) __attribute__((always_inline)) {
      sums[j] = fma(q, V::load_first(k + j * a.k_row + i, rest), sums[j]);
    });
  }
  unroll<count>([&](int j) __attribute__((always_inline)) { a.scores[key + j] = a.scale * sum(sums[j]); });
}

template <Isa isa>
void score_row(const AttentionScoreArgs& a) {
  int64_t key = 0;
  for (; key + 4 <= a.keys; key += 4) score_keys<4, isa>(a, key);
  for (; key < a.keys; ++key) score_keys<1, isa>(a, key);
}

/// `blocks` registers of values from number `at` on; the last may be `rest` numbers only.
template <int blocks, Isa isa, bool whole>
[[gnu::always_inline]] inline void add_value_blocks(const AttentionValueArgs& a, int64_t at, int rest) {
  using V = Vec<float, isa>;
  V even[blocks], odd[blocks];
  unroll<blocks>([&](int j) __attribute__((always_inline)) {
    even[j] = a.first ? V::all(0.0f) : V::load(a.out + at + j * V::lanes);
    odd[j] = V::all(0.0f);
  });
  const auto add = [&](V(&sums)[blocks], int64_t key) __attribute__((always_inline)) {
    const V weight = V::all(a.weights[key]);
    const float* const v = a.v + key * a.v_row + at;
    unroll<blocks>([&](int j) __attribute__((always_inline)) {
      sums[j] = fma(weight, whole ? V::load(v + j * V::lanes) : V::load_first(v + j * V::lanes, rest), sums[j]);
    });
  };
  int64_t key = 0;
  for (; key + 2 <= a.keys; key += 2) {
    add(even, key);
    add(odd, key + 1);
  }
  if (key < a.keys) add(even, key);
  unroll<blocks>([&](int j) __attribute__((always_inline)) { (even[j] + odd[j]).store(a.out + at + j * V::lanes); });
}

template <Isa isa>
void add_values(const AttentionValueArgs& a) {
  constexpr int lanes = Vec<float, isa>::lanes;
  int64_t at = 0;
  for (; at + 4 * lanes <= a.size; at += 4 * lanes) add_value_blocks<4, isa, true>(a, at, 0);
  for (; at + lanes <= a.size; at += lanes) add_value_blocks<1, isa, true>(a, at, 0);
  if (at < a.size) add_value_blocks<1, isa, false>(a, at, static_cast<int>(a.size - at));
}

template <Isa isa>
constexpr AttentionRowsTable make_attention_rows_table() {
  return {weigh_row<isa>, finish_row<isa>, score_row<isa>, add_values<isa>};
}

}  // namespace kiln
