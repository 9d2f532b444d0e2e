#include "kernels/strassen/strassen_walk.hpp"

#include <algorithm>
#include <limits>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/gemm/pack.hpp"

namespace kiln {

extern const StrassenTable strassen_table_portable, strassen_table_avx2, strassen_table_avx512;

const StrassenTable& strassen_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return strassen_table_avx512;
    case Isa::avx2: return strassen_table_avx2;
    default: return strassen_table_portable;
  }
}

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
/// Sums of A's quarters: low + low_right, s1 - high, high - low, high_right - s2.
constexpr int64_t sum_count = 4;
/// Tiles' sums that a band keeps between its products.
constexpr int64_t buffer_count = 3;

}  // namespace

/// Some rows of the upper half with those of the lower half, for one panel.
struct StrassenWalk::Band {
  const Panel& panel;
  int64_t row0, row1;
  const Pointers& p;
  Sums sums;
  float* buffers[buffer_count];
  float* differences;   ///< two quarters of weights
  float *edge, *added;  ///< a tile's output and residual where columns do not fill the panel
  int64_t wide;
  bool last;  ///< of the panel

  int64_t rows() const { return row1 - row0; }
};

void StrassenWalk::prepare() {
  table_ = &tile_table(isa), strassen_ = &strassen_table(isa);
  if (!can_do(columns, depth)) {
    fail(ErrorCode::unsupported, "a product of {} columns and depth {} is too small", columns, depth);
  }
  quartered_ = rows >= least_rows;
  high_rows_ = quartered_ ? divide_up(rows, 2) : rows;
  half_blocks_ = divide_up(divide_up(columns, lanes()), 2);
  const int most = static_cast<int>(std::min<int64_t>(half_blocks_, table_->blocks));
  tuning.blocks = std::clamp(tuning.blocks, 1, most);
  tuning.rows = std::min(tuning.rows, table_->rows[tuning.blocks]);
  band_rows_ = std::clamp<int64_t>(tuning.band * tuning.rows, 1, std::max<int64_t>(high_rows_, 1));
  set_depth();
  const int64_t sums_floats = quartered_ ? divide_up(sum_count * sums_matrix_, 16) * 16 : 0;
  const int64_t wide = tuning.blocks * lanes();
  shared_floats_ = tuning.channels_outer ? sums_floats : 0;
  part_floats_ = (tuning.channels_outer ? 0 : sums_floats) +
                 (buffer_count * band_rows_ + 2 * (tuning.rows + groups_ * group_ + tail_)) * wide;
  int64_t at = 0;
  panels_.clear();
  for (int64_t block = 0; block < half_blocks_; block += tuning.blocks) {
    const Panel panel{block, std::min<int64_t>(tuning.blocks, half_blocks_ - block), at};
    panels_.push_back(panel);
    at = weights_at(panel, weights_count);
  }
  bias_at_ = at;
}

/// How K is walked, and how sums of A's quarters lie.
void StrassenWalk::set_depth() {
  for (group_ = 32; depth % (2 * group_) != 0 && group_ > 16;) group_ /= 2;
  groups_ = depth / 2 / group_;
  tail_ = depth - 2 * groups_ * group_;
  sums_rows_ = tuning.channels_outer ? high_rows_ : band_rows_;
  sums_row_ = divide_up(groups_ * group_ + tail_, 16) * 16;
  // Rows that are a power of two apart would fall on the same lines of L1.
  if (sums_row_ % 256 == 0) sums_row_ += 16;
  sums_matrix_ = sums_rows_ * sums_row_;
  offsets_.clear();
  for (int64_t i = 0; i < 2 * groups_ + 1; ++i) offsets_.push_back(i * group_);
}

int64_t StrassenWalk::weights_at(const Panel& panel, int which) const {
  int64_t above = 0;
  for (int i = 0; i < which; ++i) above += groups_ * group_ + (i == lower_left || i == lower_right ? tail_ : 0);
  return panel.weights + above * panel.blocks * lanes();
}

void StrassenWalk::pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  for (const Panel& panel : panels_) pack_panel(panel, b, b_row, b_column, packed);
  pack_row(bias, 1, bias == nullptr ? 0 : columns, 0, 2 * half_blocks_ * lanes(), packed + bias_at_);
}

void StrassenWalk::pack_panel(const Panel& panel, const float* b, int64_t b_row, int64_t b_column,
                              float* packed) const {
  const int64_t wide = panel.blocks * lanes(), left = panel.block * lanes(), right = half_blocks_ * lanes() + left;
  const int64_t half = groups_ * group_;
  float* to[weights_count];
  for (int i = 0; i < weights_count; ++i) to[i] = packed + weights_at(panel, i);
  const auto fetch = [&](int64_t k, int64_t first, float* row) {
    pack_row(b + k * b_row, b_column, columns, first, wide, row);
  };
  for (int64_t k = 0; k < half; ++k) {
    fetch(k, left, to[upper_left] + k * wide);
    fetch(half + k, left, to[lower_left] + k * wide);
    fetch(k, right, to[upper_more] + k * wide);
    for (int64_t i = k * wide; i < (k + 1) * wide; ++i) to[upper_more][i] -= to[upper_left][i];
    fetch(half + k, right, to[lower_right] + k * wide);
  }
  for (int64_t k = half; k < half + tail_; ++k) {
    fetch(half + k, left, to[lower_left] + k * wide);
    fetch(half + k, right, to[lower_right] + k * wide);
  }
}

/// What one of a band's products fetches of the weights that come next, as much as any other does.
std::span<const float> StrassenWalk::next_weights(const Band& band, int64_t product) const {
  if (!tuning.prefetch_weights || !band.last || &band.panel == &panels_.back()) return {};
  const Panel& next = *(&band.panel + 1);
  const auto [begin, end] =
      part_range(weights_at(next, weights_count) - next.weights, product, quartered_ ? 7 : weights_count);
  return {band.p.packed + next.weights + begin, static_cast<size_t>(end - begin)};
}

void StrassenWalk::sum_quarters(int64_t row0, int64_t row1, const float* in, const Sums& sums) const {
  const int64_t low = high_rows_ * in_step, half = groups_ * group_;
  for (int64_t row = row0; row < row1; ++row) {
    const float* const from = in + row * in_step;
    float* const to = sums.at + (row - sums.first) * sums_row_;
    const bool both = row < rows - high_rows_;
    strassen_->sum_quarters({from, from + half, both ? from + low : nullptr, both ? from + low + half : nullptr, to,
                             to + sums_matrix_, to + 2 * sums_matrix_, to + 3 * sums_matrix_, half});
    std::copy_n(from + 2 * half, tail_, to + 3 * sums_matrix_ + half);
  }
}

TileArgs StrassenWalk::tile_args(const Band& band, const Factor& factor) const {
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  TileArgs args{};
  args.offsets = factor.offsets;
  args.groups = factor.groups, args.length = group_;
  args.weights = factor.weights;
  args.bias = zeros;
  args.out_step = band.wide, args.out_block = lanes();
  args.low = -infinity, args.high = infinity;
  args.partial_step = band.wide;
  return args;
}

/// Calls body(args, first row in the band, rows) with `args.in` and the prefetch set: weights come from memory while
/// those before them are used.
template <class Body>
void StrassenWalk::each_tile(const Band& band, const Factor& factor, bool low, Body&& body) const {
  TileArgs args = tile_args(band, factor);
  const char* prefetch = reinterpret_cast<const char*>(factor.next.data());
  const char* const end = prefetch + factor.next.size_bytes();
  const int64_t calls = divide_up(band.rows(), tuning.rows) * std::max<int64_t>(1, factor.groups);
  const int64_t lines_each = divide_up(end - prefetch, calls * 64);
  const float* in = band.p.in + (band.row0 + (factor.low ? high_rows_ : 0)) * in_step;
  args.in_step = in_step;
  if (factor.sum != 0) {
    in = band.sums.at + (factor.sum - 1) * sums_matrix_ + (band.row0 - band.sums.first) * sums_row_;
    args.in_step = sums_row_;
  }
  const int64_t under = std::clamp<int64_t>(rows - high_rows_ - band.row0, 0, band.rows());
  const int64_t all = low ? under : band.rows(), tiles = divide_up(all, tuning.rows);
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t tile_rows = divide_up(all - row, tiles - i);
    args.in = in + row * args.in_step;
    args.prefetch = prefetch;
    args.prefetch_lines = prefetch < end ? lines_each : 0;
    prefetch += lines_each * factor.groups * 64;
    body(args, row, tile_rows);
    row += tile_rows;
  }
}

/// The product's sums of all rows of the band, `partial` added, in `to`. The first tile makes weights that are
/// differences while it uses them.
void StrassenWalk::multiply(const Band& band, const Factor& factor, const float* partial, float* to) const {
  bool made = factor.minus == nullptr;
  each_tile(band, factor, factor.low, [&](TileArgs& args, int64_t row, int64_t tile_rows) {
    const int64_t at = row * band.wide;
    args.out = to + at;
    args.partial = partial == nullptr ? nullptr : partial + at;
    if (!made) {
      made = true;
      if (const DifferenceTile tile = strassen_->tiles[band.panel.blocks][tile_rows]; tile != nullptr) {
        tile({args, factor.minus, factor.differences});
        args.weights = factor.differences;
        return;
      }
      strassen_->subtract(factor.weights, factor.minus, factor.differences, groups_ * group_ * band.wide);
      args.weights = factor.differences;
    }
    table_->find(args.in_step, band.panel.blocks, tile_rows)(args);
  });
}

/// The last product of a quarter of C, with bias and epilogue.
void StrassenWalk::finish(const Band& band, const Factor& factor, const float* partial, bool low, bool right) const {
  const int64_t column = (band.panel.block + (right ? half_blocks_ : 0)) * lanes();
  const int64_t used = std::min(columns - column, band.wide);
  if (used <= 0) return;
  const int64_t first = (band.row0 + (low ? high_rows_ : 0)) * out_step + column;
  each_tile(band, factor, low, [&](TileArgs& args, int64_t row, int64_t tile_rows) {
    const int64_t at = first + row * out_step;
    args.tail_groups = tail_ != 0, args.tail_length = tail_;
    args.bias = band.p.packed + bias_at_ + column;
    args.low = epilogue.low, args.high = epilogue.high;
    args.out = band.p.out + at, args.out_step = out_step;
    args.residual = band.p.residual == nullptr ? nullptr : band.p.residual + at;
    args.partial = partial + row * band.wide;
    write(band, args, tile_rows, used);
  });
}

/// One tile of C. Where the columns do not fill the panel it is computed beside, then copied.
void StrassenWalk::write(const Band& band, TileArgs& args, int64_t tile_rows, int64_t used) const {
  const Epilogue& e = epilogue.epilogue;
  const bool after = e.residual == Residual::after_activation, edge = used < band.wide;
  float* const out = args.out;
  const auto copy = [&](const float* from, int64_t from_step, float* to, int64_t to_step) {
    for (int64_t i = 0; i < tile_rows; ++i) std::copy_n(from + i * from_step, used, to + i * to_step);
  };
  if (edge) {
    // The tile reads its residual by the steps of its output.
    if (args.residual != nullptr) {
      copy(args.residual, out_step, band.added, band.wide);
      args.residual = band.added;
    }
    args.out = band.edge, args.out_step = band.wide;
  }
  const float* const added = after ? args.residual : nullptr;
  if (after) args.residual = nullptr;
  table_->find(args.in_step, band.panel.blocks, tile_rows)(args);
  if (epilogue.pass) {
    table_->pass({e.activation, e.alpha, e.beta, args.out, added, 1, 0, tile_rows, args.out_step, band.panel.blocks,
                  args.out_block});
  }
  if (edge) copy(band.edge, band.wide, out, out_step);
}

/// to += what
void StrassenWalk::add(const Band& band, const float* what, float* to) const {
  table_->pass({Activation::none, 0, 0, to, what, 1, 0, band.rows(), band.wide, band.panel.blocks, lanes()});
}

void StrassenWalk::run_band(const Band& band) const {
  const ptrdiff_t *const left = offsets_.data(), *const right = left + groups_;
  const int64_t half = groups_ * group_ * band.wide;
  float *const x = band.buffers[0], *const y = band.buffers[1], *const z = band.buffers[2];
  const auto at = [&](int which) { return band.p.packed + weights_at(band.panel, which); };
  const float *const high = at(upper_left), *const low = at(lower_left), *const more = at(upper_more);
  const float* const corner = at(lower_right);
  multiply(band, {0, false, left, groups_, high, next_weights(band, 0)}, nullptr, x);
  finish(band, {0, false, right, groups_, low, next_weights(band, 1)}, x, false, false);
  if (!quartered_) {
    multiply(band, {0, false, left, groups_, more, next_weights(band, 2)}, x, y);
    return finish(band, {0, false, right, groups_, corner, next_weights(band, 3)}, y, false, true);
  }
  float* const made = band.differences;
  multiply(band, {2, false, left, groups_, corner, next_weights(band, 2), more, made}, x, y);
  multiply(band, {3, false, left, groups_, made, next_weights(band, 3), high, made + half}, y, z);
  multiply(band, {0, true, right, groups_, low, next_weights(band, 4), made, made}, z, x);
  finish(band, {0, true, right + groups_, 0, low + half, {}}, x, true, false);
  multiply(band, {1, false, left, groups_, more, next_weights(band, 5)}, nullptr, x);
  add(band, x, y);
  add(band, x, z);
  finish(band, {4, false, left, groups_, corner, next_weights(band, 6)}, y, false, true);
  finish(band, {0, true, right + groups_, 0, corner + half, {}}, z, true, true);
}

void StrassenWalk::run_bands(const Panel& panel, int64_t row0, int64_t row1, const Pointers& p, const Sums& sums,
                             float* buffers) const {
  const int64_t wide = panel.blocks * lanes(), count = row1 - row0;
  const int64_t bands = divide_up(count, band_rows_), buffer = band_rows_ * tuning.blocks * lanes();
  float *const y = buffers + buffer, *const z = y + buffer, *const edge = z + buffer;
  float* const added = edge + tuning.rows * tuning.blocks * lanes();
  float* const differences = added + tuning.rows * tuning.blocks * lanes();
  for (int64_t i = 0; i < bands; ++i) {
    const auto [begin, end] = part_range(count, i, bands);
    run_band(
        {panel, row0 + begin, row0 + end, p, sums, {buffers, y, z}, differences, edge, added, wide, i + 1 == bands});
  }
}

void StrassenWalk::run_part(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const {
  if (phase + 1 < phases()) {
    const auto [begin, end] = part_range(high_rows_, part, parts);
    return sum_quarters(begin, end, p.in, {scratch, 0});
  }
  float* const own = scratch + shared_floats_ + part * part_floats_;
  if (tuning.channels_outer) {
    // Panels one after the other, the parts being cut at some row of one.
    const auto [begin, end] = part_range(high_rows_ * half_blocks_, part, parts);
    for (const Panel& panel : panels_) {
      const auto row_at = [&](int64_t place) {
        return std::clamp<int64_t>((place - panel.block * high_rows_) / panel.blocks, 0, high_rows_);
      };
      const int64_t row0 = row_at(begin), row1 = row_at(end);
      if (row0 < row1) run_bands(panel, row0, row1, p, {scratch, 0}, own);
    }
    return;
  }
  const auto [begin, end] = part_range(high_rows_, part, parts);
  const int64_t bands = divide_up(end - begin, band_rows_),
                sums = quartered_ ? divide_up(sum_count * sums_matrix_, 16) * 16 : 0;
  for (int64_t i = 0; i < bands; ++i) {
    const auto [first, last] = part_range(end - begin, i, bands);
    if (quartered_) sum_quarters(begin + first, begin + last, p.in, {own, begin + first});
    for (const Panel& panel : panels_)
      run_bands(panel, begin + first, begin + last, p, {own, begin + first}, own + sums);
  }
}

}  // namespace kiln
