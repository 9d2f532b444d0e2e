#include "kernels/tile/tile_walk.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace kiln {

int best_blocks(const TileTable& table, int64_t channel_blocks, int64_t width) {
  // The cost of one step of K of all tiles over a line, in multiply-adds: a tile waits for its weights if it has few
  // rows to use them on, and pays a little for each load. Fitted to Zen 4.
  const double rows_a_load = 4.5 * table.lanes / 16, load = 0.15;
  const auto cost = [&](int64_t blocks) {
    const int64_t tiles = divide_up(width, table.rows[blocks]);
    const double rows = static_cast<double>(width) / static_cast<double>(tiles), wide = static_cast<double>(blocks);
    return static_cast<double>(tiles) * (wide * std::max(rows, rows_a_load) + load * (wide + rows));
  };
  int best = 1;
  double least = 0;
  for (int blocks = 1; blocks <= std::min<int64_t>(table.blocks, channel_blocks); ++blocks) {
    const int64_t rest = channel_blocks % blocks;
    const double all = static_cast<double>(channel_blocks / blocks) * cost(blocks) + (rest != 0 ? cost(rest) : 0);
    if (blocks == 1 || all < least) {
      best = blocks;
      least = all;
    }
  }
  return best;
}

void TileWalk::prepare() {
  make_panels(divide_up(channels, tile_table(isa).lanes));
  for (Panel& panel : panels_) panel.weights = bias_at_, bias_at_ += panel_floats(panel);
}

void TileWalk::prepare(int64_t wall, FunctionRef<TileDepth(int64_t first, int64_t count)> depth_of) {
  make_panels(wall);
  for (Panel& panel : panels_) {
    const int64_t first = panel.block * lanes();
    panel.depth = depths_.size(), panel.weights = bias_at_;
    depths_.push_back(depth_of(first, std::min(panel.blocks * lanes(), channels - first)));
    bias_at_ += panel_floats(panel);
  }
}

void TileWalk::make_panels(int64_t wall) {
  table_ = &tile_table(isa);
  tuning.blocks = static_cast<int>(std::clamp<int64_t>(tuning.blocks, 1, std::min<int64_t>(wall, table_->blocks)));
  tuning.band = std::clamp<int64_t>(tuning.band, 1, std::max<int64_t>(lines, 1));
  tuning.two_lines =
      tuning.two_lines && table_->two_line_rows > 0 && tuning.blocks == 2 && in_pixel == lanes() && !adjoining;
  panels_.clear();
  depths_.clear();
  bias_at_ = 0;
  for (int64_t block = 0, blocks = 0; block < all_blocks(); block += blocks) {
    blocks = std::min<int64_t>({tuning.blocks, wall - block % wall, all_blocks() - block});
    const bool half = in_pixel == lanes() && channels - (block + blocks - 1) * lanes() <= lanes() / 2;
    panels_.push_back({block, blocks, 0, half, 0});
  }
}

int64_t TileWalk::rows_of(int64_t blocks) const { return std::min<int64_t>(tuning.rows, table_->rows[blocks]); }

/// The last panel of a row-major output whose channels do not fill it: computed beside, then copied.
void TileWalk::run_edge_tile(TileArgs args, const Panel& panel, int64_t rows) const {
  alignas(64) float sums[TileTable::most_rows * 2 * 16], added[TileTable::most_rows * 2 * 16];
  const int64_t step = panel.blocks * lanes(), count = channels - panel.block * lanes();
  float* const out = args.out;
  const float* const residual = args.residual;
  const auto bytes = static_cast<size_t>(count) * sizeof(float);
  const int64_t out_step = args.out_step;
  if (residual != nullptr) {
    std::memset(added, 0, sizeof added);
    for (int64_t i = 0; i < rows; ++i) std::memcpy(added + i * step, residual + i * out_step, bytes);
    args.residual = added;
  }
  args.out = sums;
  args.out_step = step;
  args.out_block = lanes();
  run_tile(args, panel, rows, false);
  for (int64_t i = 0; i < rows; ++i) std::memcpy(out + i * out_step, sums + i * step, bytes);
}

void TileWalk::run_tile(TileArgs& args, const Panel& panel, int64_t rows, bool two_lines) const {
  const float* const residual = args.residual;
  const bool after = epilogue.epilogue.residual == Residual::after_activation;
  if (after) args.residual = nullptr;
  (two_lines ? table_->two_lines[rows] : table_->find(args.in_step, panel.blocks, rows, panel.half))(args);
  args.residual = residual;
  if (!epilogue.pass) return;
  const Epilogue& e = epilogue.epilogue;
  table_->pass({e.activation, e.alpha, e.beta, args.out, after ? residual : nullptr, two_lines ? 2 : 1, args.out_line,
                rows, args.out_step, panel.blocks, args.out_block});
}

void TileWalk::run_lines(int64_t panel_index, int64_t image, int64_t line0, int64_t line1, const float* in,
                         const float* packed, float* out, const float* residual, FetchAhead ahead) const {
  const Panel& panel = panels_[static_cast<size_t>(panel_index)];
  const float* bias = packed + bias_at_ + panel.block * lanes();
  run_panel(panel_index, image, line0, line1, in, packed + panel.weights, bias, out, residual, ahead);
}

void TileWalk::run_panel(int64_t panel_index, int64_t image, int64_t line0, int64_t line1, const float* in,
                         const float* weights, const float* bias, float* out, const float* residual,
                         FetchAhead ahead) const {
  const Panel& panel = panels_[static_cast<size_t>(panel_index)];
  const TileDepth& of = depth_of(panel);
  const bool partial = (panel.block + panel.blocks) * lanes() > channels;
  const bool edge = row_major && partial;
  const bool clears = !row_major && partial && epilogue.moves_zero;
  const bool by_one = edge || clears || epilogue.pass;
  const bool by_two = tuning.two_lines && panel.blocks == 2;
  const int64_t most = rows_of(panel.blocks);
  const int64_t most_two = std::min<int64_t>(most, table_->two_line_rows);

  TileArgs args{};
  args.offsets = of.offsets.data();
  args.groups = of.groups, args.length = of.length;
  args.tail_groups = of.tail_groups, args.tail_length = of.tail_length;
  args.weights = weights;
  args.bias = bias;
  args.in_step = in_pixel, args.in_line = in_line;
  args.out_step = out_pixel, args.out_block = out_block, args.out_line = out_line;
  args.low = epilogue.low, args.high = epilogue.high;

  // What is fetched ahead is spread over the tiles: the next panel's weights over all lines of this one, anything else
  // over these lines.
  const bool next_weights = ahead.floats == 0 && tuning.prefetch_weights && panel_index + 1 < panel_count();
  if (next_weights)
    ahead = {weights + panel_floats(panel), panel_floats(panels_[static_cast<size_t>(panel_index + 1)])};
  const int64_t lines_a_walk = adjoining ? std::max<int64_t>(1, line1 - line0) : by_two ? 2 : 1;
  const int64_t tiles_a_walk = divide_up(adjoining ? width * lines_a_walk : width, by_two ? most_two : most);
  const int64_t walks = divide_up(next_weights ? lines : line1 - line0, lines_a_walk);
  const int64_t all_groups = std::max<int64_t>(1, of.groups + of.tail_groups);
  const int64_t all_ahead = ahead.floats * ahead.runs;
  const int64_t lines_each =
      divide_up(divide_up(all_ahead, 16), std::max<int64_t>(1, walks * tiles_a_walk) * all_groups);
  const int64_t ahead_each = lines_each * all_groups * 16;
  // Tiles done at once fetch what lies together.
  const int64_t most_tiles = by_one           ? 1
                             : ahead.runs > 1 ? std::max<int64_t>(1, ahead.floats / ahead_each)
                                              : all_lines() * width;
  int64_t call = next_weights ? line0 * tiles_a_walk / lines_a_walk : 0;

  for (int64_t line = line0; line < line1;) {
    const bool two = by_two && line + 1 < line1;
    const int64_t pixels = adjoining ? (line1 - line) * width : width;
    const int64_t tiles = divide_up(pixels, two ? most_two : most);
    const int64_t in_at = image * in_image + line * in_line;
    const int64_t out_at = image * out_image + line * out_line + panel.block * out_block;
    for (int64_t i = 0, x = 0; i < tiles; i += args.tiles) {
      const int64_t rows = divide_up(pixels - x, tiles - i);
      const int64_t of_this_size = pixels - x - (tiles - i) * (rows - 1);
      args.tiles = std::min(of_this_size, most_tiles);
      args.in = in + in_at + x * in_pixel;
      args.out = out + out_at + x * out_pixel;
      args.residual = residual == nullptr ? nullptr : residual + out_at + x * out_pixel;
      const int64_t place = call * ahead_each;
      args.prefetch_lines = place < all_ahead ? lines_each : 0;
      if (args.prefetch_lines != 0) {
        const float* const next = ahead.from + place / ahead.floats * ahead.step + place % ahead.floats;
        args.prefetch = reinterpret_cast<const char*>(next);
      }
      if (edge) {
        run_edge_tile(args, panel, rows);
      } else {
        run_tile(args, panel, rows, two);
      }
      if (clears) {
        const int64_t used = channels - (all_blocks() - 1) * lanes();
        for (int64_t j = 0; j < (two ? 2 * rows : rows); ++j) {
          float* const last = args.out + (panel.blocks - 1) * out_block + j / rows * out_line + j % rows * out_pixel;
          std::fill(last + used, last + lanes(), 0.0f);
        }
      }
      x += args.tiles * rows;
      call += args.tiles;
    }
    line += adjoining ? line1 - line : two ? 2 : 1;
  }
}

/// The panel that begins nearest to so many channel blocks from the first.
int64_t TileWalk::nearest_panel(int64_t blocks) const {
  const auto above =
      std::partition_point(panels_.begin(), panels_.end(), [&](const Panel& panel) { return panel.block < blocks; });
  if (above == panels_.begin()) return 0;
  const int64_t index = above - panels_.begin();
  const int64_t begin = above == panels_.end() ? all_blocks() : above->block;
  return begin - blocks <= blocks - panels_[static_cast<size_t>(index - 1)].block ? index : index - 1;
}

/// Lines outermost: between two lines, or in the midst of one where lines are too few to come out even.
TileWalk::Cut TileWalk::cut_lines(int64_t part, int64_t parts) const {
  constexpr int64_t enough_lines = 24;
  const int64_t count = all_lines(), blocks = all_blocks();
  if (count >= enough_lines * parts) return {part_range(count, part, parts).begin, 0};
  const int64_t place = count * blocks * part / parts, line = place / blocks;
  const int64_t panel = nearest_panel(place % blocks);
  return panel == panel_count() ? Cut{line + 1, 0} : Cut{line, panel};
}

/// Channels outermost: between two panels, or at some line of one.
TileWalk::Cut TileWalk::cut_channels(int64_t part, int64_t parts) const {
  const int64_t count = all_lines(), place = count * all_blocks() * part / parts;
  const auto above = std::partition_point(panels_.begin(), panels_.end(),
                                          [&](const Panel& panel) { return panel.block * count <= place; });
  const int64_t index = above - panels_.begin() - 1;
  const Panel& panel = panels_[static_cast<size_t>(index)];
  const int64_t line = (place - panel.block * count + panel.blocks / 2) / panel.blocks;
  return line == count ? Cut{0, index + 1} : Cut{line, index};
}

/// Lines [line0, line1) of a panel, which may be of several images.
void TileWalk::run_band(int64_t panel, int64_t line0, int64_t line1, const Pointers& p, FetchAhead ahead) const {
  for (int64_t line = line0; line < line1;) {
    const int64_t image = line / lines, end = std::min(line1, (image + 1) * lines);
    run_lines(panel, image, line - image * lines, end - image * lines, p.in, p.packed, p.out, p.residual, ahead);
    line = end;
  }
}

/// A panel's share of what lines [line0, line1) read first.
FetchAhead TileWalk::input_of(int64_t line0, int64_t line1, int64_t panel, const float* in) const {
  const int64_t floats = (line1 - line0) * in_line / panel_count();
  if (!tuning.prefetch_input || floats <= 0 || in_blocks == 0) return {};
  return {in + line0 / lines * in_image + line0 % lines * in_line + in_new + panel * floats, floats, in_blocks,
          in_block};
}

void TileWalk::run_lines_outer(Cut begin, Cut end, const Pointers& p) const {
  const auto run_panels = [&](int64_t line0, int64_t line1, int64_t panel0, int64_t panel1) {
    for (int64_t panel = panel0; panel < panel1; ++panel) run_band(panel, line0, line1, p);
  };
  if (begin.line == end.line) return run_panels(begin.line, begin.line + 1, begin.panel, end.panel);
  if (begin.panel != 0) {
    run_panels(begin.line, begin.line + 1, begin.panel, panel_count());
    ++begin.line;
  }
  const int64_t count = end.line - begin.line;
  const int64_t bands = count == 0 ? 0 : std::max<int64_t>(1, (count + tuning.band / 2) / tuning.band);
  for (int64_t band = 0; band < bands; ++band) {
    const auto [line0, line1] = part_range(count, band, bands);
    const int64_t next = part_range(count, std::min(band + 1, bands - 1), bands).end;
    for (int64_t panel = 0; panel < panel_count(); ++panel) {
      const FetchAhead ahead = input_of(begin.line + line1, begin.line + next, panel, p.in);
      run_band(panel, begin.line + line0, begin.line + line1, p, ahead);
    }
  }
  if (end.panel != 0) run_panels(end.line, end.line + 1, 0, end.panel);
}

void TileWalk::run_channels_outer(Cut begin, Cut end, const Pointers& p) const {
  for (int64_t panel = begin.panel; panel <= std::min(end.panel, panel_count() - 1); ++panel) {
    run_band(panel, panel == begin.panel ? begin.line : 0, panel == end.panel ? end.line : all_lines(), p);
  }
}

void TileWalk::run_part(int64_t part, int64_t parts, const float* in, const float* packed, float* out,
                        const float* residual) const {
  if (all_lines() == 0) return;
  const Pointers p{in, packed, out, residual};
  if (tuning.channels_outer) {
    run_channels_outer(cut_channels(part, parts), cut_channels(part + 1, parts), p);
  } else {
    run_lines_outer(cut_lines(part, parts), cut_lines(part + 1, parts), p);
  }
}

}  // namespace kiln
