#include "kernels/paired/paired_walk.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/gemm/pack.hpp"

namespace kiln {

extern const PairedTable paired_table_portable, paired_table_avx2, paired_table_avx512;

const PairedTable& paired_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return paired_table_avx512;
    case Isa::avx2: return paired_table_avx2;
    default: return paired_table_portable;
  }
}

namespace {

/// A panel's weights of so much of K, and no more, are used for all rows before those that follow: they stay in L2.
constexpr int64_t most_depth = 24 * paired_chunk;
/// Rows that are made ready for all panels take this much at most, so that they come from L3 for each of them.
constexpr int64_t most_ready_floats = int64_t{1} << 20;

}  // namespace

float nearest_power_of_2(double x) {
  if (!(x > 0) || !std::isfinite(x)) return 1;
  return std::ldexp(1.0f, static_cast<int>(std::clamp(std::round(std::log2(x)), -60.0, 60.0)));
}

void PairedWalk::prepare() {
  table_ = &paired_table(isa), tiles_ = &tile_table(isa);
  if (!can_do(columns, depth)) {
    fail(ErrorCode::unsupported, "a product of {} columns and depth {} is too small", columns, depth);
  }
  int most = TileTable::most_blocks;
  while (table_->rows[most] == 0) --most;
  tuning.blocks = std::clamp(tuning.blocks, 1, static_cast<int>(std::min<int64_t>(most, blocks())));
  tuning.rows = std::clamp(tuning.rows, 1, table_->rows[tuning.blocks]);
  line_tiles_ = divide_up(width, tuning.rows);
  band_ = std::max<int64_t>(1, tuning.band);
  row_floats_ = divide_up(depth, paired_chunk) * paired_chunk;
  set_turns();
  shared_floats_ = tuning.channels_outer ? rows_floats(turn_rows_) : 0;
  depth_parts_ = tuning.channels_outer ? divide_up(depth, most_depth) : 1;
  const int64_t sums = depth_parts_ > 1 ? turn_rows_ * tuning.blocks * lanes() : 0;
  part_floats_ = tuning.channels_outer ? sums : rows_floats(std::min(all_rows(), band_ * tuning.rows));
  panels_.clear();
  int64_t at = 0;
  for (int64_t block = 0; block < blocks(); block += tuning.blocks) {
    const int64_t count = std::min<int64_t>(tuning.blocks, blocks() - block);
    panels_.push_back({block, count, at});
    at += count * lanes() * depth;
  }
  columns_at_ = at;
}

void PairedWalk::set_turns() {
  const int64_t tiles = all_tiles(), fit = std::max<int64_t>(1, most_ready_floats / (row_floats_ * tuning.rows));
  turns_ = std::max<int64_t>(1, divide_up(tiles, fit));
  turn_rows_ = std::min(all_rows(), divide_up(tiles, turns_) * tuning.rows);
}

void PairedWalk::pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  for (const Panel& panel : panels_) {
    const int64_t wide = panel.blocks * lanes(), first = panel.block * lanes();
    for (int64_t k = 0; k < depth; ++k) {
      pack_row(b + k * b_row, b_column, columns, first, wide, packed + panel.weights + place_of(k) * wide);
    }
    pair_up(panel, packed);
  }
  pack_row(bias, 1, bias == nullptr ? 0 : columns, 0, all_columns(), packed + columns_at_ + 2 * all_columns());
}

/// Where a float of K lies in a panel.
int64_t PairedWalk::place_of(int64_t k) const {
  static constexpr std::array<int64_t, paired_step> places{1, 0, 2, 4, 3, 5};
  const int64_t six = k / paired_step * paired_step;
  return six + paired_step <= depth ? six + places[static_cast<size_t>(k - six)] : k;
}

/// Scales a panel's columns, and gives its pairs their signs.
void PairedWalk::pair_up(const Panel& panel, float* packed) const {
  const int64_t wide = panel.blocks * lanes();
  for (int64_t column = 0; column < wide; ++column) {
    float* const w = packed + panel.weights + column;
    double squares = 0, pairs = 0;
    for (int64_t k = 0; k < depth; ++k) squares += static_cast<double>(w[k * wide]) * w[k * wide];
    const float size = nearest_power_of_2(std::sqrt(squares / static_cast<double>(depth)));
    for (int64_t k = 0; k < depth; ++k) w[k * wide] /= size;
    for (int64_t k = 0; k + paired_step <= depth; k += paired_step) {
      float& negative = w[(k + 3) * wide];
      negative = -negative;
      pairs += static_cast<double>(w[k * wide]) * w[(k + 1) * wide];
      pairs += static_cast<double>(negative) * w[(k + 4) * wide];
    }
    float* const of_columns = packed + columns_at_ + panel.block * lanes() + column;
    of_columns[0] = static_cast<float>(-pairs);
    of_columns[all_columns()] = panel.block * lanes() + column < columns ? size : 0.0f;
  }
}

int64_t PairedWalk::rows_floats(int64_t rows) const { return rows * row_floats_ + 2 * whole_lines(rows); }

PairedWalk::Rows PairedWalk::rows_in(float* scratch, int64_t first, int64_t count) const {
  float* const start = scratch + count * row_floats_;
  return {scratch, start, start + whole_lines(count), first};
}

PairedWalk::Tile PairedWalk::tile(int64_t index) const {
  const int64_t line = index / line_tiles_;
  const auto [begin, end] = part_range(width, index % line_tiles_, line_tiles_);
  return {line * width + begin, end - begin, line, begin};
}

void PairedWalk::make_rows(const Tile& tile, const float* in, const Rows& rows) const {
  const float* const from = in + in_first + tile.line / lines * in_image + tile.line % lines * in_line;
  const int64_t first = tile.first - rows.first;
  for (int64_t i = 0; i < tile.count; ++i) {
    table_->make_row({from + (tile.x + i) * in_pixel, in_run, in_block, depth,
                      rows.at + first * row_floats_ + i * paired_chunk, tile.count * paired_chunk,
                      rows.start + first + i, rows.unscale + first + i});
  }
}

/// One tile. Where the columns of a row-major matrix do not fill the panel it is computed beside, then copied.
void PairedWalk::write(const Panel& panel, PairedTileArgs& args, int64_t tile_rows) const {
  alignas(64) float sums[TileTable::most_rows * 16], added[TileTable::most_rows * 16];
  const Epilogue& e = epilogue.epilogue;
  const bool after = e.residual == Residual::after_activation;
  const int64_t wide = panel.blocks * lanes(), used = std::min(columns - panel.block * lanes(), wide);
  const bool edge = row_major && used < wide;
  const PairedTileArgs given = args;
  if (edge) {
    args.out = sums, args.out_step = wide, args.out_block = lanes();
    if (args.residual != nullptr) {
      std::fill_n(added, tile_rows * wide, 0.0f);
      for (int64_t i = 0; i < tile_rows; ++i) {
        std::copy_n(given.residual + i * given.out_step, used, added + i * wide);
      }
      args.residual = added;
    }
  }
  const float* const last = after ? args.residual : nullptr;
  if (after) args.residual = nullptr;
  table_->tiles[panel.blocks][tile_rows](args);
  if (epilogue.pass) {
    tiles_->pass(
        {e.activation, e.alpha, e.beta, args.out, last, 1, 0, tile_rows, args.out_step, panel.blocks, args.out_block});
  }
  if (edge) {
    for (int64_t i = 0; i < tile_rows; ++i) std::copy_n(sums + i * wide, used, given.out + i * given.out_step);
  } else if (used < wide && epilogue.moves_zero) {
    const int64_t in_last = used - (panel.blocks - 1) * lanes();
    for (int64_t i = 0; i < tile_rows; ++i) {
      float* const block = args.out + i * args.out_step + (panel.blocks - 1) * args.out_block;
      std::fill(block + in_last, block + lanes(), 0.0f);
    }
  }
  args = given;
}

/// Where a tile reads and writes.
void PairedWalk::place(const Panel& panel, const Tile& t, const Pointers& p, const Rows& rows,
                       PairedTileArgs& args) const {
  const int64_t from = t.first - rows.first;
  const int64_t at = t.line / lines * out_image + t.line % lines * out_line + t.x * out_pixel;
  args.in = rows.at + from * row_floats_, args.in_chunk = t.count * paired_chunk;
  args.row_start = rows.start + from, args.row_unscale = rows.unscale + from;
  args.out = p.out + at + panel.block * out_block;
  args.residual = p.residual == nullptr ? nullptr : p.residual + at + panel.block * out_block;
}

void PairedWalk::run_panel(const Panel& panel, int64_t tile0, int64_t tile1, const Pointers& p, const Rows& rows,
                           float* sums) const {
  const int64_t first = panel.block * lanes(), wide = panel.blocks * lanes();
  PairedTileArgs args{};
  args.column_start = p.packed + columns_at_ + first;
  args.column_unscale = args.column_start + all_columns(), args.bias = args.column_unscale + all_columns();
  args.out_step = out_pixel, args.out_block = out_block;
  args.low = epilogue.low, args.high = epilogue.high;
  // The next panel's weights come from memory while this one's are used.
  const bool next = tuning.prefetch_weights && &panel != &panels_.back();
  const char* prefetch = reinterpret_cast<const char*>(p.packed + panel.weights + depth * wide);
  const char* const end = prefetch + depth * wide * static_cast<int64_t>(sizeof(float));
  const int64_t sixes = depth / paired_step;
  const int64_t lines_each = next ? divide_up(divide_up(depth * wide, 16), (tile1 - tile0) * sixes) : 0;
  for (int64_t part = 0; part < depth_parts_; ++part) {
    const auto [chunk0, chunk1] = part_range(divide_up(depth, paired_chunk), part, depth_parts_);
    const bool last = part + 1 == depth_parts_;
    args.weights = p.packed + panel.weights + chunk0 * paired_chunk * wide;
    args.depth = std::min(chunk1 * paired_chunk, depth) - chunk0 * paired_chunk;
    int64_t at = 0;
    for (int64_t index = tile0; index < tile1; ++index) {
      const Tile t = tile(index);
      place(panel, t, p, rows, args);
      args.in += chunk0 * args.in_chunk;
      args.partial = part == 0 ? nullptr : sums + at;
      args.sums = last ? nullptr : sums + at;
      args.prefetch = prefetch;
      args.prefetch_lines = prefetch < end ? lines_each : 0;
      prefetch += lines_each * (args.depth / paired_step) * 64;
      if (last) {
        write(panel, args, t.count);
      } else {
        table_->tiles[panel.blocks][t.count](args);
      }
      at += t.count * wide;
    }
  }
}

/// Some rows are made ready in an even phase, and multiplied with all panels in the next one.
void PairedWalk::run_turn(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const {
  const auto turn = part_range(all_tiles(), phase / 2, turns_);
  const int64_t tiles = turn.end - turn.begin;
  if (tiles == 0) return;
  const Rows rows = rows_in(scratch, tile(turn.begin).first, turn_rows_);
  if (phase % 2 == 0) {
    const auto [begin, end] = part_range(tiles, part, parts);
    for (int64_t i = begin; i < end; ++i) make_rows(tile(turn.begin + i), p.in, rows);
    return;
  }
  // Panels one after the other, the parts being cut at some tile of one.
  const auto [first, last] = part_range(tiles * blocks(), part, parts);
  for (const Panel& panel : panels_) {
    const auto tile_at = [&](int64_t place) {
      return turn.begin + std::clamp<int64_t>((place - panel.block * tiles) / panel.blocks, 0, tiles);
    };
    const int64_t tile0 = tile_at(first), tile1 = tile_at(last);
    if (tile0 < tile1) run_panel(panel, tile0, tile1, p, rows, scratch + shared_floats_ + part * part_floats_);
  }
}

void PairedWalk::run_bands(int64_t part, int64_t parts, const Pointers& p, float* scratch) const {
  const auto [begin, end] = part_range(all_tiles(), part, parts);
  float* const own = scratch + part * part_floats_;
  const int64_t bands = divide_up(end - begin, band_);
  for (int64_t i = 0; i < bands; ++i) {
    const auto [first, last] = part_range(end - begin, i, bands);
    const int64_t tile0 = begin + first, tile1 = begin + last;
    const Rows rows = rows_in(own, tile(tile0).first, std::min(all_rows(), band_ * tuning.rows));
    for (int64_t j = tile0; j < tile1; ++j) make_rows(tile(j), p.in, rows);
    for (const Panel& panel : panels_) run_panel(panel, tile0, tile1, p, rows, nullptr);
  }
}

void PairedWalk::run_part(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const {
  if (tuning.channels_outer) {
    run_turn(phase, part, parts, p, scratch);
  } else {
    run_bands(part, parts, p, scratch);
  }
}

}  // namespace kiln
