#include "kernels/conv/winograd_tiles.hpp"

#include <algorithm>

namespace kiln {

WinogradTiles::WinogradTiles(int64_t images, int64_t tile_rows, int64_t tile_columns, int64_t most, int64_t parts)
    : rows(tile_rows), columns(tile_columns), count(images * rows * columns) {
  batches = divide_up(count, std::clamp<int64_t>(most, 1, count));
  batches = divide_up(batches, std::max<int64_t>(parts, 1)) * std::max<int64_t>(parts, 1);
  largest = divide_up(count, batches);
  batches = divide_up(count, largest);
}

WinogradTiles::Span WinogradTiles::batch(int64_t index) const {
  const int64_t first = index * largest;
  return {first, std::min(largest, count - first)};
}

WinogradTiles::Place WinogradTiles::place(int64_t tile) const {
  return {tile / (rows * columns), tile / columns % rows, tile % columns};
}

WinogradPixels winograd_pixels(const BlockedLayout& layout, const float* in, int64_t image, int64_t block, int64_t y,
                               int64_t x, int64_t edge, float* copy) {
  const int64_t lanes = layout.block;
  const Halo halo = layout.halo;
  if (y >= -halo.h && x >= -halo.w && y + edge <= layout.h + halo.h && x + edge <= layout.w + halo.w) {
    return {in + layout.offset(image, block, y, x), layout.row_stride()};
  }
  std::fill(copy, copy + edge * edge * lanes, 0.0f);
  const int64_t x0 = std::max<int64_t>(x, 0), x1 = std::min(x + edge, layout.w);
  for (int64_t i = std::max<int64_t>(y, 0); i < std::min(y + edge, layout.h) && x0 < x1; ++i) {
    const float* pixels = in + layout.offset(image, block, i, x0);
    std::copy(pixels, pixels + (x1 - x0) * lanes, copy + ((i - y) * edge + x0 - x) * lanes);
  }
  return {copy, edge * lanes};
}

void WinogradAhead::add(const WinogradTiles& tiles, WinogradTiles::Span span, const BlockedLayout& layout,
                        const float* data, int64_t step, int64_t top, int64_t left) {
  sources_[count_++] = {&tiles, span, &layout, data, step, top, left};
  lines_ += span.count * layout.blocks() * step * divide_up(step * layout.block, 16);
}

bool WinogradAhead::next_row() {
  while (source_ < count_) {
    const Source& s = sources_[source_];
    const BlockedLayout& layout = *s.layout;
    const auto [image, tile_row, column] = s.tiles->place(s.span.first + tile_);
    const int64_t together = std::min(s.tiles->columns - column, s.span.count - tile_);
    for (++row_; row_ < s.step; ++row_) {
      const int64_t y = tile_row * s.step - s.top + row_;
      const int64_t x0 = std::max<int64_t>(0, column * s.step - s.left);
      const int64_t x1 = std::min(layout.w, (column + together) * s.step - s.left);
      if (y < 0 || y >= layout.h || x0 >= x1) continue;
      at_ = s.data + layout.offset(image, block_, y, x0);
      end_ = at_ + (x1 - x0) * layout.block;
      return true;
    }
    row_ = -1;
    tile_ += together;
    if (tile_ < s.span.count) continue;
    tile_ = 0;
    if (++block_ < layout.blocks()) continue;
    block_ = 0;
    ++source_;
  }
  return false;
}

const char* WinogradAhead::next(int64_t lines) {
  if (at_ >= end_ && !next_row()) return nullptr;
  const auto* const from = reinterpret_cast<const char*>(at_);
  at_ += std::min<int64_t>(lines * 16, end_ - at_);
  return from;
}

void finish_winograd_pixels(const TileTable& tiles, const EpiloguePlan& plan, TilePassArgs a, int64_t used) {
  if (plan.pass) {
    a.activation = plan.epilogue.activation, a.alpha = plan.epilogue.alpha, a.beta = plan.epilogue.beta;
    a.blocks = 1, a.block_step = 0;
    tiles.pass(a);
  }
  if (!plan.moves_zero || used >= tiles.lanes) return;
  for (int64_t i = 0; i < a.lines * a.pixels; ++i) {
    float* const pixel = a.out + i / a.pixels * a.line_step + i % a.pixels * a.pixel_step;
    std::fill(pixel + used, pixel + tiles.lanes, 0.0f);
  }
}

TileArgs winograd_products(int64_t lanes, int64_t ins, int64_t largest_batch) {
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  const EpiloguePlan none{Epilogue{}};
  TileArgs a{};
  a.length = lanes, a.groups = ins / lanes;
  a.tail_length = ins % lanes, a.tail_groups = a.tail_length != 0;
  a.bias = zeros;
  a.in_step = a.out_step = lanes;
  a.out_block = largest_batch * lanes;
  a.low = none.low, a.high = none.high;
  return a;
}

void multiply_winograd_tiles(const TileTable& tiles, TileArgs& a, int64_t blocks, bool half, int64_t count,
                             const float* inputs, float* products, WinogradAhead* ahead) {
  const int64_t groups = a.groups + a.tail_groups, lines = a.prefetch_lines;
  const int64_t runs = divide_up(count, tiles.rows[blocks]);
  for (int64_t i = 0, first = 0; i < runs; ++i) {
    const int64_t rows = divide_up(count - first, runs - i);
    a.in = inputs + first * tiles.lanes;
    a.out = products + first * tiles.lanes;
    if (a.residual != nullptr) a.residual = a.out;
    if (ahead != nullptr) {
      a.prefetch = ahead->next(lines * groups);
      a.prefetch_lines = a.prefetch != nullptr ? lines : 0;
    }
    tiles.find(tiles.lanes, blocks, rows, half)(a);
    if (ahead == nullptr) a.prefetch += lines * groups * 64;
    first += rows;
  }
  a.prefetch_lines = lines;
}

}  // namespace kiln
