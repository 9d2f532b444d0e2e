#pragma once

#include "kernels/norm/norm_table.hpp"
#include "kernels/simd/math.hpp"

/// Included by norm_impl.hpp only.
namespace kiln {

template <class V>
[[gnu::always_inline]] inline float row_maximum(const float* in, int64_t n) {
  constexpr int chains = 4, lanes = V::lanes;
  V best[chains];
  unroll<chains>([&](int i) __attribute__((always_inline)) { best[i] = V::all(-__builtin_inff()); });
  int64_t k = 0;
  for (; k + chains * lanes <= n; k += chains * lanes) {
    unroll<chains>([&](int i) __attribute__((always_inline)) { best[i] = max(V::load(in + k + i * lanes), best[i]); });
  }
  for (; k + lanes <= n; k += lanes) best[0] = max(V::load(in + k), best[0]);
  if (k < n) best[1] = max(V::load_first(in + k, static_cast<int>(n - k), best[1]), best[1]);
  return largest(max(max(best[0], best[1]), max(best[2], best[3])));
}

/// The sum of e^(in - most), which is also written unless `out` is null.
template <class V>
[[gnu::always_inline]] inline float row_exponentials(const float* in, float* out, int64_t n, V most) {
  constexpr int chains = 4, lanes = V::lanes;
  V sums[chains];
  unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
  int64_t k = 0;
  for (; k + chains * lanes <= n; k += chains * lanes) {
    unroll<chains>([&](int i) __attribute__((always_inline)) {
      const V e = exp(V::load(in + k + i * lanes) - most);
      if (out != nullptr) e.store(out + k + i * lanes);
      sums[i] = sums[i] + e;
    });
  }
  for (; k + lanes <= n; k += lanes) {
    const V e = exp(V::load(in + k) - most);
    if (out != nullptr) e.store(out + k);
    sums[0] = sums[0] + e;
  }
  if (k < n) {
    const int left = static_cast<int>(n - k);
    const V e = exp(V::load_first(in + k, left, V::all(-__builtin_inff())) - most);
    if (out != nullptr) e.store_first(out + k, left);
    sums[1] = sums[1] + e;
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// to[i] = f(from[i])
template <class V, class F>
[[gnu::always_inline]] inline void map_row(const float* from, float* to, int64_t n, F&& f) {
  constexpr int lanes = V::lanes;
  int64_t k = 0;
  for (; k + lanes <= n; k += lanes) f(V::load(from + k), k).store(to + k);
  if (k < n) {
    const int left = static_cast<int>(n - k);
    f(V::load_first(from + k, left), k).store_first(to + k, left);
  }
}

template <Isa isa, bool log>
[[gnu::noinline]] void softmax_rows(const float* in, float* out, int64_t rows, int64_t n) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < rows; ++row, in += n, out += n) {
    const float most = row_maximum<V>(in, n);
    const float sum = row_exponentials<V>(in, log ? nullptr : out, n, V::all(most));
    if constexpr (log) {
      const V shift = V::all(most), log_sum = V::all(static_cast<float>(__builtin_log(static_cast<double>(sum))));
      map_row<V>(
          in, out, n, [&](V x, int64_t) __attribute__((always_inline)) { return (x - shift) - log_sum; });
    } else {
      const V factor = V::all(1 / sum);
      map_row<V>(
          out, out, n, [&](V x, int64_t) __attribute__((always_inline)) { return x * factor; });
    }
  }
}

/// One register, or several side by side, of every row; `left` lanes of the last.
template <class V, bool log, int vectors>
[[gnu::always_inline]] inline void softmax_strip(const float* in, float* out, int64_t n, int64_t step, int left) {
  constexpr int lanes = V::lanes;
  // Only a strip of one register may be narrow.
  const auto load = [&](const float* p) __attribute__((always_inline)) {
    return vectors > 1 || left == lanes ? V::load(p) : V::load_first(p, left);
  };
  const auto store = [&](V x, float* p) __attribute__((always_inline)) {
    if (vectors > 1 || left == lanes) {
      x.store(p);
    } else {
      x.store_first(p, left);
    }
  };
  V most[vectors], sums[vectors];
  unroll<vectors>([&](int i) __attribute__((always_inline)) {
    most[i] = V::all(-__builtin_inff());
    sums[i] = V::all(0.0f);
  });
  for (int64_t k = 0; k < n; ++k) {
    unroll<vectors>([&](int i)
                        __attribute__((always_inline)) { most[i] = max(load(in + k * step + i * lanes), most[i]); });
  }
  for (int64_t k = 0; k < n; ++k) {
    unroll<vectors>([&](int i) __attribute__((always_inline)) {
      const V e = exp(load(in + k * step + i * lanes) - most[i]);
      if constexpr (!log) store(e, out + k * step + i * lanes);
      sums[i] = sums[i] + e;
    });
  }
  unroll<vectors>([&](int i) __attribute__((always_inline)) {
    if constexpr (log) {
      float logs[lanes];
      sums[i].store(logs);
      for (float& x : logs) x = static_cast<float>(__builtin_log(static_cast<double>(x)));
      sums[i] = V::load(logs);
    } else {
      sums[i] = V::all(1.0f) / sums[i];
    }
  });
  for (int64_t k = 0; k < n; ++k) {
    unroll<vectors>([&](int i) __attribute__((always_inline)) {
      const int64_t at = k * step + i * lanes;
      if constexpr (log) {
        store((load(in + at) - most[i]) - sums[i], out + at);
      } else {
        store(load(out + at) * sums[i], out + at);
      }
    });
  }
}

template <Isa isa, bool log>
[[gnu::noinline]] void softmax_columns(const float* in, float* out, int64_t n, int64_t step, int64_t width) {
  using V = Vec<float, isa>;
  constexpr int64_t lanes = V::lanes;
  if (width == NormTable::column_vectors * lanes) {
    return softmax_strip<V, log, NormTable::column_vectors>(in, out, n, step, lanes);
  }
  for (int64_t x = 0; x < width; x += lanes) {
    softmax_strip<V, log, 1>(in + x, out + x, n, step, static_cast<int>(width - x < lanes ? width - x : lanes));
  }
}

}  // namespace kiln
