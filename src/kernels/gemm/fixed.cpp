#include "kernels/gemm/fixed.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"

namespace kiln {

extern const FixedTable fixed_table_portable, fixed_table_avx2, fixed_table_avx512;

const FixedTable& fixed_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return fixed_table_avx512;
    case Isa::avx2: return fixed_table_avx2;
    default: return fixed_table_portable;
  }
}

namespace {

constexpr float one = 1 << 23;  ///< the whole number that stands for a column's factor
/// Rows that are done together have their weights in L2 after the first.
constexpr int64_t steps_in_l2 = 1024;
constexpr int64_t most_depth = int64_t{1} << 25;

using Columns = std::array<float, fixed_columns>;

/// Calls body(k, weights of `count` columns from the first on) for all k; the columns from `count` on are zeros.
template <class Body>
void each_step(const void* b, int64_t b_row, int64_t b_column, int64_t first, int64_t count, int64_t depth,
               Body&& body) {
  constexpr int64_t most_steps = 64;
  const auto* const bytes = static_cast<const unsigned char*>(b);
  Columns piece[most_steps] = {};
  for (int64_t k0 = 0; k0 < depth; k0 += most_steps) {
    const int64_t steps = std::min(most_steps, depth - k0);
    const auto copy = [&](int64_t step, int64_t column) {
      std::memcpy(&piece[step][static_cast<size_t>(column)],
                  bytes + ((k0 + step) * b_row + (first + column) * b_column) * 4, 4);
    };
    if (b_column == 1) {
      for (int64_t step = 0; step < steps; ++step) {
        for (int64_t column = 0; column < count; ++column) copy(step, column);
      }
    } else {
      for (int64_t column = 0; column < count; ++column) {
        for (int64_t step = 0; step < steps; ++step) copy(step, column);
      }
    }
    for (int64_t step = 0; step < steps; ++step) body(k0 + step, piece[step]);
  }
}

/// The largest weight of each column; what is no number is the largest of all.
Columns find_largest(const void* b, int64_t b_row, int64_t b_column, int64_t first, int64_t count, int64_t depth) {
  Columns largest{};
  each_step(b, b_row, b_column, first, count, depth, [&](int64_t, const Columns& weights) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const float size = std::abs(weights[i]);
      largest[i] = size > largest[i] || std::isnan(size) ? size : largest[i];
    }
  });
  return largest;
}

/// The power of two above the largest weight of a column.
float factor_of(float largest) { return largest == 0 ? 1 : std::ldexp(1.0f, std::ilogb(largest) + 1); }

}  // namespace

FixedGemm::FixedGemm(const GemmProblem& p, Isa isa)
    : problem_(p), isa_(isa), epilogue_(p.epilogue), table_(&fixed_table(isa)), panels_(divide_up(p.n, fixed_columns)) {
  check_gemm(p.m, p.n, p.k, p.a_row, p.c_row);
  if (!can_do(p.n, p.k)) fail(ErrorCode::unsupported, "a product of depth {} has no weights in fixed point", p.k);
  if (problem_.a_row == 0) problem_.a_row = p.k;
  if (problem_.c_row == 0) problem_.c_row = p.n;
}

bool FixedGemm::can_do(int64_t n, int64_t k) { return n >= 1 && k >= 1 && k <= most_depth; }

std::string FixedGemm::name() const { return fmt::format("gemm_f32_fixed_{}", isa_name(isa_)); }

bool FixedGemm::fits(const void* b, int64_t b_row, int64_t b_column, int64_t n, int64_t k) {
  // At least three in four weights that are not zero keep 17 bits: what is rounded off is a few millionths at most.
  constexpr float most = 0x1p64f, least = 0x1p-64f, little = 0x1p-7f;
  constexpr int32_t most_small = 4;
  if (!can_do(n, k)) return false;
  std::atomic<bool> all_fit = true;
  parallel_for(divide_up(n, fixed_columns), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end && all_fit; ++panel) {
      const int64_t first = panel * fixed_columns, count = std::min(fixed_columns, n - first);
      const Columns largest = find_largest(b, b_row, b_column, first, count, k);
      const auto is_usual = [](float size) { return size == 0 || (size > least && size < most); };
      if (!std::all_of(largest.begin(), largest.end(), is_usual)) all_fit = false;
      if (!all_fit) break;
      Columns limits{};
      std::array<int32_t, fixed_columns> used{}, small{};
      std::transform(largest.begin(), largest.end(), limits.begin(),
                     [](float size) { return factor_of(size) * little; });
      each_step(b, b_row, b_column, first, count, k, [&](int64_t, const Columns& weights) {
        for (size_t i = 0; i < weights.size(); ++i) {
          used[i] += weights[i] != 0 ? 1 : 0;
          small[i] += weights[i] != 0 && std::abs(weights[i]) < limits[i] ? 1 : 0;
        }
      });
      for (size_t i = 0; i < used.size(); ++i) {
        if (small[i] > used[i] / most_small) all_fit = false;
      }
    }
  });
  return all_fit;
}

void FixedGemm::pack(const void* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  std::fill(packed + factors_at(), packed + packed_floats(), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + problem_.n, packed + bias_at());
  parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * fixed_columns, count = std::min(fixed_columns, problem_.n - first);
      const Columns largest = find_largest(b, b_row, b_column, first, count, problem_.k);
      float* const factors = packed + factors_at() + panel * fixed_columns;
      std::transform(largest.begin(), largest.end(), factors, factor_of);
      auto* to = reinterpret_cast<unsigned char*>(packed + panel * panel_floats());
      each_step(b, b_row, b_column, first, count, problem_.k, [&](int64_t, const Columns& weights) {
        for (size_t i = 0; i < weights.size(); ++i, to += 3) {
          const float number = weights[i] * (one / factors[i]);
          const float rounded = std::min(number + (number < 0 ? -0.5f : 0.5f), one - 1);
          const auto bits = static_cast<uint32_t>(static_cast<int32_t>(rounded));
          to[0] = static_cast<unsigned char>(bits);
          to[1] = static_cast<unsigned char>(bits >> 8);
          to[2] = static_cast<unsigned char>(bits >> 16);
        }
      });
    }
  });
}

/// The sums of a panel for all rows.
void FixedGemm::sum_panel(const float* in, const unsigned char* weights, float* sums) const {
  const int64_t at_once = problem_.m <= table_->rows ? problem_.k : steps_in_l2;
  for (int64_t k0 = 0; k0 < problem_.k; k0 += at_once) {
    for (int64_t row = 0; row < problem_.m;) {
      const int64_t rows = std::min<int64_t>(table_->rows, problem_.m - row);
      table_->tiles[rows]({in + row * problem_.a_row + k0, problem_.a_row, weights + k0 * fixed_step_bytes,
                           std::min(at_once, problem_.k - k0), sums + row * fixed_columns, k0 > 0});
      row += rows;
    }
  }
}

void FixedGemm::finish_row(int64_t panel, const float* packed, const float* residual, float* sums, float* out) const {
  const int64_t first = panel * fixed_columns, count = std::min(fixed_columns, problem_.n - first);
  const float *const factors = packed + factors_at() + first, *const bias = packed + bias_at() + first;
  const bool after = epilogue_.epilogue.residual == Residual::after_activation;
  for (int64_t column = 0; column < count; ++column) {
    float sum = sums[column] * factors[column] + bias[column];
    if (residual != nullptr && !after) sum += residual[first + column];
    sum = epilogue_.low > sum ? epilogue_.low : sum;
    sums[column] = epilogue_.high < sum ? epilogue_.high : sum;
  }
  if (epilogue_.pass) {
    const TileTable& tiles = tile_table(isa_);
    TilePassArgs pass{};
    pass.activation = epilogue_.epilogue.activation;
    pass.alpha = epilogue_.epilogue.alpha, pass.beta = epilogue_.epilogue.beta;
    pass.out = sums;
    pass.lines = pass.blocks = 1;
    pass.pixels = fixed_columns / tiles.lanes, pass.pixel_step = tiles.lanes;
    tiles.pass(pass);
  }
  for (int64_t column = 0; column < count; ++column) {
    out[first + column] = sums[column] + (residual != nullptr && after ? residual[first + column] : 0.0f);
  }
}

void FixedGemm::run_part(int64_t, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const {
  float* const sums = scratch + part * problem_.m * fixed_columns;
  const auto [begin, end] = part_range(panels_, part, parts);
  for (int64_t panel = begin; panel < end; ++panel) {
    sum_panel(p.a, reinterpret_cast<const unsigned char*>(p.packed + panel * panel_floats()), sums);
    for (int64_t row = 0; row < problem_.m; ++row) {
      finish_row(panel, p.packed, p.residual == nullptr ? nullptr : p.residual + row * problem_.c_row,
                 sums + row * fixed_columns, p.c + row * problem_.c_row);
    }
  }
}

}  // namespace kiln
