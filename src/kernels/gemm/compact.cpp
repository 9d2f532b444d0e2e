#include "kernels/gemm/compact.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"

namespace kiln {

extern const CompactTable compact_table_portable, compact_table_avx2, compact_table_avx512;

const CompactTable& compact_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return compact_table_avx512;
    case Isa::avx2: return compact_table_avx2;
    default: return compact_table_portable;
  }
}

namespace {

/// Codes 0 to 14 are exponents from the largest of a panel down; this one is that of zero and of denormal numbers.
constexpr int zero_code = compact_codes - 1;
/// Rows that are done together have their weights in L2 after the first.
constexpr int64_t steps_in_l2 = 1024;
constexpr int64_t most_depth = int64_t{1} << 25;

int exponent_of(uint32_t bits) { return static_cast<int>(bits >> 23 & 255); }
/// Whether a weight has an exponent without a code. The smallest numbers always have one.
bool is_beside(uint32_t bits, int largest) {
  return exponent_of(bits) != 0 && exponent_of(bits) <= largest - zero_code;
}

/// Weights of up to 64 columns, as bits, for some k.
struct Piece {
  static constexpr int64_t most_steps = 64;
  uint32_t at[most_steps][compact_columns];
};

/// Calls body(piece, first k, count of k) for all weights of a panel; columns from `count` on are zeros.
template <class Body>
void each_piece(const void* b, int64_t b_row, int64_t b_column, int64_t first, int64_t count, int64_t k, Body&& body) {
  const auto* const bytes = static_cast<const unsigned char*>(b);
  Piece piece{};
  for (int64_t k0 = 0; k0 < k; k0 += Piece::most_steps) {
    const int64_t steps = std::min(Piece::most_steps, k - k0);
    const auto copy = [&](int64_t step, int64_t column) {
      std::memcpy(&piece.at[step][column], bytes + ((k0 + step) * b_row + (first + column) * b_column) * 4, 4);
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
    body(piece, k0, steps);
  }
}

int largest_exponent(const void* b, int64_t b_row, int64_t b_column, int64_t first, int64_t count, int64_t k) {
  uint32_t largest = 0;
  each_piece(b, b_row, b_column, first, count, k, [&](const Piece& piece, int64_t, int64_t steps) {
    for (int64_t step = 0; step < steps; ++step) {
      for (const uint32_t bits : piece.at[step]) largest = std::max(largest, bits & 0x7f800000u);
    }
  });
  return exponent_of(largest);
}

void pack_step(const uint32_t* weights, int largest, unsigned char* to) {
  unsigned char codes[compact_columns];
  for (int64_t column = 0; column < compact_columns; ++column) {
    const uint32_t bits = weights[column];
    const bool beside = is_beside(bits, largest);
    codes[column] =
        static_cast<unsigned char>(exponent_of(bits) == 0 || beside ? zero_code : largest - exponent_of(bits));
    const uint32_t rest = beside ? 0 : bits << 1 | bits >> 31;
    unsigned char* const at = to + column / 32 * compact_half_bytes + column % 32 * 3;
    at[0] = static_cast<unsigned char>(rest);
    at[1] = static_cast<unsigned char>(rest >> 8);
    at[2] = static_cast<unsigned char>(rest >> 16);
  }
  for (int64_t half = 0; half < 2; ++half) {
    for (int64_t i = 0; i < 16; ++i) {
      const unsigned char* const of_half = codes + half * 32;
      to[half * compact_half_bytes + 96 + i] = static_cast<unsigned char>(of_half[i] | of_half[16 + i] << 4);
    }
  }
}

float from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

}  // namespace

CompactGemm::CompactGemm(const GemmProblem& p, Isa isa)
    : problem_(p),
      isa_(isa),
      epilogue_(p.epilogue),
      table_(&compact_table(isa)),
      panels_(divide_up(p.n, compact_columns)) {
  check_gemm(p.m, p.n, p.k, p.a_row, p.c_row);
  if (!can_do(p.n, p.k)) fail(ErrorCode::unsupported, "a product of depth {} has no compact weights", p.k);
  if (problem_.a_row == 0) problem_.a_row = p.k;
  if (problem_.c_row == 0) problem_.c_row = p.n;
}

bool CompactGemm::can_do(int64_t n, int64_t k) { return n >= 1 && k >= 1 && k <= most_depth; }

int64_t CompactGemm::most_beside(int64_t k) { return divide_up(k * compact_columns, 1024); }

std::string CompactGemm::name() const { return fmt::format("gemm_f32_compact_{}", isa_name(isa_)); }

bool CompactGemm::fits(const void* b, int64_t b_row, int64_t b_column, int64_t n, int64_t k) {
  if (!can_do(n, k)) return false;
  std::atomic<bool> all_fit = true;
  parallel_for(divide_up(n, compact_columns), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end && all_fit; ++panel) {
      const int64_t first = panel * compact_columns, count = std::min(compact_columns, n - first);
      const int largest = largest_exponent(b, b_row, b_column, first, count, k);
      int64_t beside = 0;
      each_piece(b, b_row, b_column, first, count, k, [&](const Piece& piece, int64_t, int64_t steps) {
        for (int64_t step = 0; step < steps; ++step) {
          for (const uint32_t bits : piece.at[step]) beside += is_beside(bits, largest) ? 1 : 0;
        }
      });
      // Infinities and what is no number would spoil columns that have none.
      if (largest == 255 || beside > most_beside(k)) all_fit = false;
    }
  });
  return all_fit;
}

void CompactGemm::pack(const void* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  std::fill(packed + notes_at(), packed + packed_floats(), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + problem_.n, packed + bias_at());
  parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * compact_columns, count = std::min(compact_columns, problem_.n - first);
      const int largest = largest_exponent(b, b_row, b_column, first, count, problem_.k);
      float* const notes = packed + notes_at() + panel * notes_floats();
      auto* const to = reinterpret_cast<unsigned char*>(packed + panel * panel_floats());
      int64_t beside = 0;
      each_piece(b, b_row, b_column, first, count, problem_.k, [&](const Piece& piece, int64_t k0, int64_t steps) {
        for (int64_t step = 0; step < steps; ++step) {
          pack_step(piece.at[step], largest, to + (k0 + step) * compact_step_bytes);
          for (int64_t column = 0; column < count; ++column) {
            const uint32_t bits = piece.at[step][column];
            if (!is_beside(bits, largest)) continue;
            if (beside == most_beside(problem_.k)) {
              fail(ErrorCode::unsupported, "the weights of columns {} to {} differ too much in size to be kept compact",
                   first, first + count - 1);
            }
            float* const note = notes + 2 + 2 * beside++;
            note[0] = from_bits(static_cast<uint32_t>((k0 + step) * compact_columns + column));
            note[1] = from_bits(bits);
          }
        }
      });
      notes[0] = from_bits(static_cast<uint32_t>(largest)), notes[1] = from_bits(static_cast<uint32_t>(beside));
    }
  });
}

/// The sums of a panel for all rows.
void CompactGemm::sum_panel(const float* in, const unsigned char* weights, const int32_t* exponents,
                            float* sums) const {
  const int64_t at_once = problem_.m <= table_->rows ? problem_.k : steps_in_l2;
  for (int64_t k0 = 0; k0 < problem_.k; k0 += at_once) {
    for (int64_t row = 0; row < problem_.m;) {
      const int64_t rows = std::min<int64_t>(table_->rows, problem_.m - row);
      table_->tiles[rows]({in + row * problem_.a_row + k0, problem_.a_row, weights + k0 * compact_step_bytes,
                           std::min(at_once, problem_.k - k0), exponents, sums + row * compact_columns, k0 > 0});
      row += rows;
    }
  }
}

void CompactGemm::add_beside(const float* in, const float* notes, float* sums) const {
  // While ways are timed, the packed weights are any numbers.
  const auto count = std::min<int64_t>(std::bit_cast<uint32_t>(notes[1]), most_beside(problem_.k));
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t place = std::bit_cast<uint32_t>(notes[2 + 2 * i]);
    const int64_t k = place / compact_columns, column = place % compact_columns;
    if (k >= problem_.k) continue;
    for (int64_t row = 0; row < problem_.m; ++row) {
      sums[row * compact_columns + column] += in[row * problem_.a_row + k] * notes[3 + 2 * i];
    }
  }
}

void CompactGemm::finish_row(int64_t panel, const float* bias, const float* residual, float* sums, float* out) const {
  const int64_t first = panel * compact_columns, count = std::min(compact_columns, problem_.n - first);
  const bool after = epilogue_.epilogue.residual == Residual::after_activation;
  for (int64_t column = 0; column < count; ++column) {
    float sum = sums[column] + bias[first + column];
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
    pass.pixels = compact_columns / tiles.lanes, pass.pixel_step = tiles.lanes;
    tiles.pass(pass);
  }
  for (int64_t column = 0; column < count; ++column) {
    out[first + column] = sums[column] + (residual != nullptr && after ? residual[first + column] : 0.0f);
  }
}

void CompactGemm::run_part(int64_t, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const {
  float* const sums = scratch + part * problem_.m * compact_columns;
  const auto [begin, end] = part_range(panels_, part, parts);
  for (int64_t panel = begin; panel < end; ++panel) {
    const float* const notes = p.packed + notes_at() + panel * notes_floats();
    const auto largest = static_cast<int>(std::bit_cast<uint32_t>(notes[0]) & 255);
    int32_t exponents[compact_codes] = {};
    for (int code = 0; code < zero_code; ++code) exponents[code] = std::max(largest - code, 0);
    sum_panel(p.a, reinterpret_cast<const unsigned char*>(p.packed + panel * panel_floats()), exponents, sums);
    add_beside(p.a, notes, sums);
    for (int64_t row = 0; row < problem_.m; ++row) {
      finish_row(panel, p.packed + bias_at(), p.residual == nullptr ? nullptr : p.residual + row * problem_.c_row,
                 sums + row * compact_columns, p.c + row * problem_.c_row);
    }
  }
}

}  // namespace kiln
