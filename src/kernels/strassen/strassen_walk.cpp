#include "kernels/strassen/strassen_walk.hpp"

#include <algorithm>
#include <limits>

#include "base/cpu.hpp"
#include "base/error.hpp"

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
constexpr int64_t least_columns = 64, least_depth = 64;

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
  if (channels < least_columns || depth < least_depth) {
    fail(ErrorCode::unsupported, "a product of {} columns and depth {} is too small", channels, depth);
  }
  if (lines == 1) {
    lines = width, width = 1;
    in_line = in_pixel, out_line = out_pixel;
  }
  quartered_ = lines >= 2 && lines * width >= least_rows;
  high_lines_ = quartered_ ? divide_up(lines, 2) : lines;
  image_rows_ = high_lines_ * width;
  blocks_ = divide_up(channels, lanes());
  half_blocks_ = divide_up(blocks_, 2);
  const int most = static_cast<int>(std::min<int64_t>(half_blocks_, table_->blocks));
  tuning.blocks = std::clamp(tuning.blocks, 1, most);
  tuning.rows = std::min(tuning.rows, table_->rows[tuning.blocks]);
  band_rows_ = std::clamp<int64_t>(tuning.band * tuning.rows, 1, std::max<int64_t>(high_rows(), 1));
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

/// How K is walked, and how sums of A's quarters lie: as A does, by rows or by blocks of channels.
void StrassenWalk::set_depth() {
  group_ = lanes();
  if (row_major) {
    for (group_ = 32; depth % (2 * group_) != 0 && group_ > 16;) group_ /= 2;
    in_group = group_;
  }
  groups_ = depth / 2 / group_;
  tail_ = depth - 2 * groups_ * group_;
  sums_rows_ = tuning.channels_outer ? high_rows() : band_rows_;
  if (row_major) {
    sums_pixel_ = divide_up(groups_ * group_ + tail_, 16) * 16;
    // Rows that are a power of two apart would fall on the same lines of L1.
    if (sums_pixel_ % 256 == 0) sums_pixel_ += 16;
    sums_matrix_ = sums_rows_ * sums_pixel_;
  } else {
    sums_pixel_ = group_;
    sums_matrix_ = (groups_ + (tail_ != 0 ? 1 : 0)) * sums_rows_ * group_;
  }
  offsets_.clear(), sums_offsets_.clear();
  for (int64_t i = 0; i < 2 * groups_ + 1; ++i) offsets_.push_back(i * in_group);
  for (int64_t i = 0; i < groups_ + 1; ++i) sums_offsets_.push_back(i * (row_major ? group_ : sums_rows_ * group_));
}

int64_t StrassenWalk::weights_at(const Panel& panel, int which) const {
  int64_t above = 0;
  for (int i = 0; i < which; ++i) above += groups_ * group_ + (i == lower_left || i == lower_right ? tail_ : 0);
  return panel.weights + above * panel.blocks * lanes();
}

/// What one of a band's products fetches of the weights that come next, as much as any other does.
std::span<const float> StrassenWalk::next_weights(const Band& band, int64_t product) const {
  if (!tuning.prefetch_weights || !band.last || &band.panel == &panels_.back()) return {};
  const Panel& next = *(&band.panel + 1);
  const auto [begin, end] =
      part_range(weights_at(next, weights_count) - next.weights, product, quartered_ ? 7 : weights_count);
  return {band.p.packed + next.weights + begin, static_cast<size_t>(end - begin)};
}

template <class Body>
void StrassenWalk::each_run(int64_t row0, int64_t row1, Body&& body) const {
  const int64_t low_lines = lines - high_lines_;
  for (int64_t row = row0; row < row1;) {
    const int64_t image = row / image_rows_, within = row % image_rows_, line = within / width, x = within % width;
    Run run{};
    run.row = row;
    run.in = image * in_image + line * in_line + x * in_pixel;
    run.out = image * out_image + line * out_line + x * out_pixel;
    if (width == 1) {
      run.count = std::min(image_rows_ - within, row1 - row);
      run.low_count = std::clamp<int64_t>(low_lines - line, 0, run.count);
      run.in_step = in_line, run.out_step = out_line;
    } else {
      run.count = std::min(width - x, row1 - row);
      run.low_count = line < low_lines ? run.count : 0;
      run.in_step = in_pixel, run.out_step = out_pixel;
    }
    body(run);
    row += run.count;
  }
}

void StrassenWalk::sum_run(const Run& run, const float* in, const Sums& sums) const {
  const int64_t low = high_lines_ * in_line, right = groups_ * in_group;
  const auto sum = [&](const float* high, bool both, float* to, int64_t count) {
    strassen_->sum_quarters({high, high + right, both ? high + low : nullptr, both ? high + low + right : nullptr, to,
                             to + sums_matrix_, to + 2 * sums_matrix_, to + 3 * sums_matrix_, count});
  };
  const float* const from = in + run.in;
  float* const to = sums.at + (run.row - sums.first) * sums_pixel_;
  float* const tail = to + 3 * sums_matrix_ + sums_offsets_.back();
  if (row_major) {
    for (int64_t i = 0; i < run.count; ++i) {
      const float* const row = from + i * run.in_step;
      sum(row, i < run.low_count, to + i * sums_pixel_, groups_ * group_);
      std::copy_n(row + offsets_.back(), tail_, tail + i * sums_pixel_);
    }
    return;
  }
  // Calls body(first pixel, pixels, whether there are others under them) for pixels that lie together.
  const auto each = [&](auto&& body) {
    for (int64_t i = 0, end; i < run.count; i = end) {
      end = run.in_step != group_ ? i + 1 : i < run.low_count ? run.low_count : run.count;
      body(i, end - i, i < run.low_count);
    }
  };
  for (int64_t g = 0; g < groups_; ++g) {
    const float* const block = from + offsets_[static_cast<size_t>(g)];
    float* const at = to + sums_offsets_[static_cast<size_t>(g)];
    each([&](int64_t i, int64_t count, bool both) {
      sum(block + i * run.in_step, both, at + i * group_, count * group_);
    });
  }
  if (tail_ == 0) return;
  each([&](int64_t i, int64_t count, bool) {
    std::copy_n(from + offsets_.back() + i * run.in_step, count * group_, tail + i * group_);
  });
}

void StrassenWalk::sum_quarters(int64_t row0, int64_t row1, const float* in, const Sums& sums) const {
  each_run(row0, row1, [&](const Run& run) { sum_run(run, in, sums); });
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

/// Calls body(args, run, first row in the run, rows) with `args.in` and the prefetch set: weights come from memory
/// while those before them are used.
template <class Body>
void StrassenWalk::each_tile(const Band& band, const Factor& factor, bool low, Body&& body) const {
  TileArgs args = tile_args(band, factor);
  const char* prefetch = reinterpret_cast<const char*>(factor.next.data());
  const char* const end = prefetch + factor.next.size_bytes();
  const int64_t calls = divide_up(band.rows(), tuning.rows) * std::max<int64_t>(1, factor.groups);
  const int64_t lines_each = divide_up(end - prefetch, calls * 64);
  each_run(band.row0, band.row1, [&](const Run& run) {
    const int64_t all = low ? run.low_count : run.count, tiles = divide_up(all, tuning.rows);
    const float* in = band.p.in + run.in + (factor.low ? high_lines_ * in_line : 0);
    args.in_step = run.in_step;
    if (factor.sum != 0) {
      in = band.sums.at + (factor.sum - 1) * sums_matrix_ + (run.row - band.sums.first) * sums_pixel_;
      args.in_step = sums_pixel_;
    }
    for (int64_t i = 0, row = 0; i < tiles; ++i) {
      const int64_t rows = divide_up(all - row, tiles - i);
      args.in = in + row * args.in_step;
      args.prefetch = prefetch;
      args.prefetch_lines = prefetch < end ? lines_each : 0;
      prefetch += lines_each * factor.groups * 64;
      body(args, run, row, rows);
      row += rows;
    }
  });
}

/// The product's sums of all rows of the band, `partial` added, in `to`. The first tile makes weights that are
/// differences while it uses them.
void StrassenWalk::multiply(const Band& band, const Factor& factor, const float* partial, float* to) const {
  bool made = factor.minus == nullptr;
  each_tile(band, factor, factor.low, [&](TileArgs& args, const Run& run, int64_t row, int64_t rows) {
    const int64_t at = (run.row - band.row0 + row) * band.wide;
    args.out = to + at;
    args.partial = partial == nullptr ? nullptr : partial + at;
    if (!made) {
      made = true;
      if (const DifferenceTile tile = strassen_->tiles[band.panel.blocks][rows]; tile != nullptr) {
        tile({args, factor.minus, factor.differences});
        args.weights = factor.differences;
        return;
      }
      strassen_->subtract(factor.weights, factor.minus, factor.differences, groups_ * group_ * band.wide);
      args.weights = factor.differences;
    }
    table_->find(args.in_step, band.panel.blocks, rows)(args);
  });
}

/// The last product of a quarter of C, with bias and epilogue.
void StrassenWalk::finish(const Band& band, const Factor& factor, const float* partial, bool low, bool right) const {
  const int64_t block = band.panel.block + (right ? half_blocks_ : 0), column = block * lanes();
  const int64_t columns = std::min((row_major ? channels : blocks_ * lanes()) - column, band.wide);
  if (columns <= 0) return;
  const int64_t first = (low ? high_lines_ * out_line : 0) + block * out_block;
  each_tile(band, factor, low, [&](TileArgs& args, const Run& run, int64_t row, int64_t rows) {
    const int64_t at = first + run.out + row * run.out_step;
    args.tail_groups = tail_ != 0, args.tail_length = tail_;
    args.bias = band.p.packed + bias_at_ + column;
    args.low = epilogue.low, args.high = epilogue.high;
    args.out = band.p.out + at, args.out_step = run.out_step, args.out_block = out_block;
    args.residual = band.p.residual == nullptr ? nullptr : band.p.residual + at;
    args.partial = partial + (run.row - band.row0 + row) * band.wide;
    write(band, args, rows, columns);
    // Sums that should cancel out leave rounding errors in the padding.
    if (!row_major && column + columns > channels) {
      float* const last = band.p.out + at + (columns / lanes() - 1) * out_block;
      const int64_t used = channels - (blocks_ - 1) * lanes();
      for (int64_t i = 0; i < rows; ++i)
        std::fill(last + i * run.out_step + used, last + i * run.out_step + lanes(), 0.0f);
    }
  });
}

/// One tile of C. Where the columns do not fill the panel it is computed beside, then copied.
void StrassenWalk::write(const Band& band, TileArgs& args, int64_t rows, int64_t columns) const {
  const Epilogue& e = epilogue.epilogue;
  const bool after = e.residual == Residual::after_activation, edge = columns < band.wide;
  float* const out = args.out;
  const int64_t out_step = args.out_step;
  const auto copy = [&](const float* from, int64_t row, int64_t block, float* to, int64_t to_row, int64_t to_block) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j * lanes() < columns; ++j) {
        std::copy_n(from + i * row + j * block, std::min(lanes(), columns - j * lanes()),
                    to + i * to_row + j * to_block);
      }
    }
  };
  if (edge) {
    // The tile reads its residual by the steps of its output.
    if (args.residual != nullptr) copy(args.residual, out_step, out_block, band.added, band.wide, lanes());
    if (args.residual != nullptr) args.residual = band.added;
    args.out = band.edge, args.out_step = band.wide, args.out_block = lanes();
  }
  const float* const added = after ? args.residual : nullptr;
  if (after) args.residual = nullptr;
  table_->find(args.in_step, band.panel.blocks, rows)(args);
  if (epilogue.pass) {
    table_->pass(
        {e.activation, e.alpha, e.beta, args.out, added, 1, 0, rows, args.out_step, band.panel.blocks, args.out_block});
  }
  if (edge) copy(band.edge, band.wide, lanes(), out, out_step, out_block);
}

/// to += what
void StrassenWalk::add(const Band& band, const float* what, float* to) const {
  table_->pass({Activation::none, 0, 0, to, what, 1, 0, band.rows(), band.wide, band.panel.blocks, lanes()});
}

void StrassenWalk::run_band(const Band& band) const {
  const ptrdiff_t *const left = offsets_.data(), *const right = left + groups_, *const of_sum = sums_offsets_.data();
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
  multiply(band, {2, false, of_sum, groups_, corner, next_weights(band, 2), more, made}, x, y);
  multiply(band, {3, false, of_sum, groups_, made, next_weights(band, 3), high, made + half}, y, z);
  multiply(band, {0, true, right, groups_, low, next_weights(band, 4), made, made}, z, x);
  finish(band, {0, true, right + groups_, 0, low + half, {}}, x, true, false);
  multiply(band, {1, false, of_sum, groups_, more, next_weights(band, 5)}, nullptr, x);
  add(band, x, y);
  add(band, x, z);
  finish(band, {4, false, of_sum, groups_, corner, next_weights(band, 6)}, y, false, true);
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
  const int64_t rows = high_rows();
  if (phase + 1 < phases()) {
    const auto [begin, end] = part_range(rows, part, parts);
    return sum_quarters(begin, end, p.in, {scratch, 0});
  }
  float* const own = scratch + shared_floats_ + part * part_floats_;
  if (tuning.channels_outer) {
    // Panels one after the other, the parts being cut at some row of one.
    const auto [begin, end] = part_range(rows * half_blocks_, part, parts);
    for (const Panel& panel : panels_) {
      const auto row_at = [&](int64_t place) {
        return std::clamp<int64_t>((place - panel.block * rows) / panel.blocks, 0, rows);
      };
      const int64_t row0 = row_at(begin), row1 = row_at(end);
      if (row0 < row1) run_bands(panel, row0, row1, p, {scratch, 0}, own);
    }
    return;
  }
  const auto [begin, end] = part_range(rows, part, parts);
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
