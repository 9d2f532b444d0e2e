#pragma once

#include "kernels/pool/pool_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by pool_<isa>.cpp only.
namespace kiln {

/// A NaN gives way to any number.
template <class V>
struct PoolMax {
  static constexpr bool is_max = true;
  [[gnu::always_inline]] static V start() { return V::all(-__builtin_inff()); }
  [[gnu::always_inline]] static V join(V x, V total) { return max(x, total); }
};
template <class V>
struct PoolSum {
  static constexpr bool is_max = false;
  [[gnu::always_inline]] static V start() { return V::all(0.0f); }
  [[gnu::always_inline]] static V join(V x, V total) { return x + total; }
};

template <class Join, class V>
[[gnu::always_inline]] inline void pool_finish(V result, V factor, V& least, float* out) {
  if constexpr (Join::is_max) {
    least = min(least, result);
    result.store(out);
  } else {
    (result * factor).store(out);
  }
}

/// Joins columns of taps from column `at` on; those outside the image hold nothing.
template <class Join, int count, class V>
[[gnu::always_inline]] inline void pool_gather(const PoolRowArgs& a, int64_t at, V* columns) {
  constexpr int lanes = V::lanes;
  unroll<count>([&](int i) __attribute__((always_inline)) { columns[i] = Join::start(); });
  const float* from = a.in + at * lanes;
  if (at >= 0 && at + count <= a.width) {
    for (int64_t row = 0; row < a.rows; ++row, from += a.in_row) {
      unroll<count>([&](int i) __attribute__((always_inline)) {
        columns[i] = Join::join(V::load(from + i * lanes), columns[i]);
      });
    }
    return;
  }
  unroll<count>([&](int i) __attribute__((always_inline)) {
    if (at + i < 0 || at + i >= a.width) return;
    for (int64_t row = 0; row < a.rows; ++row) {
      columns[i] = Join::join(V::load(from + row * a.in_row + i * lanes), columns[i]);
    }
  });
}

/// `groups` times `pixels` pixels from pixel `x` on: each column of taps is gathered once, and those that the next
/// pixels share stay in registers.
template <class V, class Join, int kernel, int stride, int pixels>
[[gnu::always_inline]] inline void pool_columns(const PoolRowArgs& a, int64_t x, int64_t groups, V& least) {
  constexpr int kept = kernel - stride, fresh = pixels * stride;
  V columns[kept + fresh];
  int64_t at = a.first + x * stride;
  if constexpr (kept > 0) pool_gather<Join, kept>(a, at, columns);
  at += kept;
  for (; groups > 0; --groups, at += fresh, x += pixels) {
    pool_gather<Join, fresh>(a, at, columns + kept);
    unroll<pixels>([&](int i) __attribute__((always_inline)) {
      V result = columns[i * stride];
      unroll<kernel - 1>([&](int k) __attribute__((always_inline)) {
        result = Join::join(columns[i * stride + k + 1], result);
      });
      const V factor = Join::is_max ? result : V::all(a.factor * a.factors[x + i]);
      pool_finish<Join>(result, factor, least, a.out + (x + i) * V::lanes);
    });
    unroll<kept>([&](int i) __attribute__((always_inline)) { columns[i] = columns[fresh + i]; });
  }
}

template <Isa isa, template <class> class Kind, int kernel, int stride>
[[gnu::noinline]] float pool_row(const PoolRowArgs& a) {
  using V = Vec<float, isa>;
  constexpr int wide = isa == Isa::portable ? 2 : 4;
  V least = V::all(__builtin_inff());
  const int64_t groups = a.pixels / wide, done = groups * wide;
  if (groups > 0) pool_columns<V, Kind<V>, kernel, stride, wide>(a, 0, groups, least);
  if (done < a.pixels) pool_columns<V, Kind<V>, kernel, stride, 1>(a, done, a.pixels - done, least);
  return Kind<V>::is_max ? 0.0f - largest(V::all(0.0f) - least) : 0.0f;
}

/// Each row of taps is gathered by itself, so that none waits for another.
template <class V, class Join, int pixels>
[[gnu::always_inline]] inline void pool_pixels(const PoolArgs& a, const float* in, float* out, V& least) {
  V totals[pixels];
  unroll<pixels>([&](int i) __attribute__((always_inline)) { totals[i] = Join::start(); });
  for (int64_t row = 0; row < a.rows; ++row) {
    const float* from = in + row * a.in_row;
    V sums[pixels];
    unroll<pixels>([&](int i) __attribute__((always_inline)) { sums[i] = Join::start(); });
    for (int64_t tap = 0; tap < a.taps; ++tap, from += a.tap_step) {
      unroll<pixels>([&](int i) __attribute__((always_inline)) {
        sums[i] = Join::join(V::load(from + i * a.in_step), sums[i]);
      });
    }
    unroll<pixels>([&](int i) __attribute__((always_inline)) { totals[i] = Join::join(sums[i], totals[i]); });
  }
  const V factor = V::all(a.factor);
  unroll<pixels>([&](int i) __attribute__((always_inline)) {
    pool_finish<Join>(totals[i], factor, least, out + i * V::lanes);
  });
}

template <Isa isa, template <class> class Kind>
[[gnu::noinline]] float pool_any(const PoolArgs& a) {
  using V = Vec<float, isa>;
  V least = V::all(__builtin_inff());
  int64_t i = 0;
  for (; i + 4 <= a.pixels; i += 4) {
    pool_pixels<V, Kind<V>, 4>(a, a.in + i * a.in_step, a.out + i * V::lanes, least);
  }
  for (; i < a.pixels; ++i) pool_pixels<V, Kind<V>, 1>(a, a.in + i * a.in_step, a.out + i * V::lanes, least);
  return Kind<V>::is_max ? 0.0f - largest(V::all(0.0f) - least) : 0.0f;
}

/// Sums of rows are added up, which rounds less than one long sum. A NaN is the maximum.
template <Isa isa, bool is_max>
[[gnu::noinline]] void pool_globally(const GlobalPoolArgs& a) {
  using V = Vec<float, isa>;
  constexpr int chains = 4, lanes = V::lanes;
  const V start = V::all(is_max ? -__builtin_inff() : 0.0f);
  V total = start, nan = V::all(0.0f);
  const auto join = [&](V x, V sum) __attribute__((always_inline)) {
    if constexpr (!is_max) return sum + x;
    nan = V::select(is_nan(x), x, nan);
    return max(x, sum);
  };
  for (int64_t y = 0; y < a.rows; ++y) {
    const float* in = a.in + y * a.row_stride;
    V sums[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = start; });
    int64_t x = 0;
    for (; x + chains <= a.columns; x += chains) {
      unroll<chains>([&](int i)
                         __attribute__((always_inline)) { sums[i] = join(V::load(in + (x + i) * lanes), sums[i]); });
    }
    for (; x < a.columns; ++x) sums[0] = join(V::load(in + x * lanes), sums[0]);
    if constexpr (is_max) {
      total = max(max(max(sums[0], sums[1]), max(sums[2], sums[3])), total);
    } else {
      total = total + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
  }
  if constexpr (is_max) {
    total = V::select(is_nan(nan), nan, total);
  } else {
    if (a.divides) total = total / V::all(static_cast<float>(a.rows * a.columns));
  }
  total.store_first(a.out, static_cast<int>(a.used));
}

template <Isa isa, template <class> class Kind>
constexpr PoolFunctions make_pool_functions() {
  return {pool_any<isa, Kind>, pool_row<isa, Kind, 2, 2>, pool_row<isa, Kind, 3, 1>, pool_row<isa, Kind, 3, 2>,
          pool_row<isa, Kind, 5, 1>};
}

template <Isa isa>
constexpr PoolTable make_pool_table() {
  return {make_pool_functions<isa, PoolMax>(), make_pool_functions<isa, PoolSum>(), pool_globally<isa, true>,
          pool_globally<isa, false>};
}

}  // namespace kiln
