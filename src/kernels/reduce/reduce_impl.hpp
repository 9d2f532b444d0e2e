#pragma once

#include "kernels/reduce/best_impl.hpp"
#include "kernels/reduce/reduce_table.hpp"
#include "kernels/simd/math.hpp"

/// Included by reduce_<isa>.cpp only.
namespace kiln {

/// What a fold starts with, makes of a number and does with two.
template <Fold fold, class V>
struct Folding {
  static constexpr bool is_sum = fold < Fold::product;

  static constexpr float start() {
    if (fold == Fold::max) return -__builtin_inff();
    if (fold == Fold::min) return __builtin_inff();
    return fold == Fold::product ? 1.0f : 0.0f;
  }
  /// What a number must be to change nothing.
  static constexpr float neutral() { return fold == Fold::exponentials ? -__builtin_inff() : start(); }
  [[gnu::always_inline]] static V of(V x, V shift) {
    if constexpr (fold == Fold::magnitudes) return abs(x);
    if constexpr (fold == Fold::squares) return x * x;
    if constexpr (fold == Fold::exponentials) return exp(x - shift);
    return x;
  }
  [[gnu::always_inline]] static V join(V x, V total) {
    if constexpr (fold == Fold::max) return V::select(is_nan(total), total, max(total, x));
    if constexpr (fold == Fold::min) return V::select(is_nan(total), total, min(total, x));
    if constexpr (fold == Fold::product) return x * total;
    return x + total;
  }
};

/// One number of the lanes of a register.
template <Fold fold, class V>
[[gnu::always_inline]] inline double fold_lanes(V totals) {
  using F = Folding<fold, V>;
  if constexpr (F::is_sum) return static_cast<double>(sum(totals));
  float lanes[V::lanes];
  totals.store(lanes);
  double total = static_cast<double>(lanes[0]);
  for (int i = 1; i < V::lanes; ++i) {
    const double x = static_cast<double>(lanes[i]);
    if (fold == Fold::product) total *= x;
    if (fold == Fold::max && (x > total || x != x)) total = x;
    if (fold == Fold::min && (x < total || x != x)) total = x;
  }
  return total;
}

/// A few thousand numbers are folded in registers, and what they give in f64.
template <Isa isa, Fold fold>
[[gnu::noinline]] double fold_row(const float* in, int64_t n, float shift_of_all) {
  using V = Vec<float, isa>;
  using F = Folding<fold, V>;
  constexpr int chains = 4, lanes = V::lanes;
  constexpr int64_t part = int64_t{64} * chains * lanes;
  const V shift = V::all(shift_of_all);
  double total = static_cast<double>(F::start());
  for (int64_t k = 0; k < n;) {
    const int64_t end = n - k < part ? n : k + part;
    V totals[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { totals[i] = V::all(F::start()); });
    for (; k + chains * lanes <= end; k += chains * lanes) {
      unroll<chains>([&](int i) __attribute__((always_inline)) {
        totals[i] = F::join(F::of(V::load(in + k + i * lanes), shift), totals[i]);
      });
    }
    for (; k + lanes <= end; k += lanes) totals[0] = F::join(F::of(V::load(in + k), shift), totals[0]);
    if (k < end) {
      const V last = V::load_first(in + k, static_cast<int>(end - k), V::all(F::neutral()));
      totals[1] = F::join(F::of(last, shift), totals[1]);
      k = end;
    }
    const V both = F::join(F::join(totals[0], totals[1]), F::join(totals[2], totals[3]));
    const double folded = fold_lanes<fold>(both);
    if constexpr (F::is_sum) {
      total += folded;
    } else if constexpr (fold == Fold::product) {
      total *= folded;
    } else if ((fold == Fold::max ? folded > total : folded < total) || folded != folded) {
      total = folded;
    }
  }
  return total;
}

/// A register of each row, or several side by side; `left` lanes of the last. Some rows at a time are folded, and then
/// what they give, which rounds less.
template <Fold fold, class V, int vectors>
[[gnu::always_inline]] inline void fold_strip(const float* in, int64_t n, int64_t step, int left, const float* shifts,
                                              float* totals) {
  using F = Folding<fold, V>;
  constexpr int lanes = V::lanes;
  constexpr int64_t part = 64;
  // Only a strip of one register may be narrow.
  const auto load = [&](const float* p) __attribute__((always_inline)) {
    return vectors > 1 || left == lanes ? V::load(p) : V::load_first(p, left);
  };
  V shift[vectors], all[vectors];
  unroll<vectors>([&](int i) __attribute__((always_inline)) {
    shift[i] = fold == Fold::exponentials ? load(shifts + i * lanes) : V::all(0.0f);
    all[i] = load(totals + i * lanes);
  });
  for (int64_t k = 0; k < n;) {
    V some[vectors];
    unroll<vectors>([&](int i) __attribute__((always_inline)) { some[i] = V::all(F::start()); });
    for (const int64_t end = n - k < part ? n : k + part; k < end; ++k) {
      unroll<vectors>([&](int i) __attribute__((always_inline)) {
        some[i] = F::join(F::of(load(in + k * step + i * lanes), shift[i]), some[i]);
      });
    }
    unroll<vectors>([&](int i) __attribute__((always_inline)) { all[i] = F::join(some[i], all[i]); });
  }
  unroll<vectors>([&](int i) __attribute__((always_inline)) {
    if (vectors > 1 || left == lanes) {
      all[i].store(totals + i * lanes);
    } else {
      all[i].store_first(totals + i * lanes, left);
    }
  });
}

template <Isa isa, Fold fold>
[[gnu::noinline]] void fold_columns(const float* in, int64_t n, int64_t step, int64_t width, const float* shifts,
                                    float* totals) {
  using V = Vec<float, isa>;
  constexpr int64_t lanes = V::lanes;
  if (width == ReduceTable::column_vectors * lanes) {
    return fold_strip<fold, V, ReduceTable::column_vectors>(in, n, step, lanes, shifts, totals);
  }
  for (int64_t x = 0; x < width; x += lanes) {
    const int left = static_cast<int>(width - x < lanes ? width - x : lanes);
    fold_strip<fold, V, 1>(in + x, n, step, left, shifts + x, totals + x);
  }
}

template <Isa isa, int... fold>
constexpr void fill_folds(ReduceTable& table, std::integer_sequence<int, fold...>) {
  ((table.fold_row[fold] = fold_row<isa, static_cast<Fold>(fold)>), ...);
  ((table.fold_columns[fold] = fold_columns<isa, static_cast<Fold>(fold)>), ...);
}

template <Isa isa>
constexpr ReduceTable make_reduce_table() {
  ReduceTable table{};
  table.lanes = Vec<float, isa>::lanes;
  fill_folds<isa>(table, std::make_integer_sequence<int, fold_count>());
  table.best_of_row[0][0] = best_of_row<isa, false, false>;
  table.best_of_row[0][1] = best_of_row<isa, false, true>;
  table.best_of_row[1][0] = best_of_row<isa, true, false>;
  table.best_of_row[1][1] = best_of_row<isa, true, true>;
  table.best_of_columns[0][0] = best_of_columns<isa, false, false>;
  table.best_of_columns[0][1] = best_of_columns<isa, false, true>;
  table.best_of_columns[1][0] = best_of_columns<isa, true, false>;
  table.best_of_columns[1][1] = best_of_columns<isa, true, true>;
  table.next_beyond[0] = next_beyond<isa, false>;
  table.next_beyond[1] = next_beyond<isa, true>;
  return table;
}

}  // namespace kiln
