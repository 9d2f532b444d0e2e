#include "kernels/conv/winograd.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/winograd_matrices.hpp"

namespace kiln {
extern const WinogradTable winograd_table_portable, winograd_table_avx2, winograd_table_avx512;

const WinogradTable& winograd_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return winograd_table_avx512;
    case Isa::avx2: return winograd_table_avx2;
    default: return winograd_table_portable;
  }
}

namespace {

/// Weights of so many output channels are transformed together, so that whole cache lines are written.
constexpr int64_t together = 16;
constexpr int64_t most_weight_planes = 64;

/// G w Gt of the 3 x 3 kernels of `count` output channels, `row` floats apart, in f64: to[plane][channel].
void transform_weights(const double (*g)[3], int64_t edge, const float* w, int64_t row, int64_t count,
                       float (&to)[most_weight_planes][together]) {
  double kernel[9][together] = {}, half[3][together];
  for (int64_t o = 0; o < count; ++o) {
    for (int i = 0; i < 9; ++i) kernel[i][o] = w[o * row + i];
  }
  for (int64_t r = 0; r < edge; ++r) {
    for (int c = 0; c < 3; ++c) {
      for (int64_t o = 0; o < together; ++o) {
        half[c][o] = g[r][0] * kernel[c][o] + g[r][1] * kernel[3 + c][o] + g[r][2] * kernel[6 + c][o];
      }
    }
    for (int64_t c = 0; c < edge; ++c) {
      for (int64_t o = 0; o < together; ++o) {
        to[r * edge + c][o] = static_cast<float>(half[0][o] * g[c][0] + half[1][o] * g[c][1] + half[2][o] * g[c][2]);
      }
    }
  }
}

/// For products in pairs of tiles, over `ins` channels.
PairedTileArgs winograd_pairs(int64_t lanes, int64_t ins, int64_t largest_batch) {
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  const EpiloguePlan none{Epilogue{}};
  PairedTileArgs a{};
  a.in_chunk = a.out_block = largest_batch * lanes;
  a.depth = ins, a.bias = zeros, a.out_step = lanes, a.low = none.low, a.high = none.high;
  return a;
}

const double (*weight_matrix(int64_t stride, int size))[3] {
  if (stride == 1) {
    return size == 2   ? WinogradWeights<1, 2>::g.row
           : size == 4 ? WinogradWeights<1, 4>::g.row
                       : WinogradWeights<1, 6>::g.row;
  }
  return size == 3   ? WinogradWeights<2, 3>::g.row
         : size == 4 ? WinogradWeights<2, 4>::g.row
                     : WinogradWeights<2, 5>::g.row;
}

}  // namespace

WinogradConv::WinogradConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                           const WinogradTuning& tuning, int64_t parts)
    : problem_(p),
      in_(in),
      out_(out),
      tuning_(tuning),
      isa_(isa),
      epilogue_(p.epilogue),
      table_(&tile_table(isa)),
      paired_(&paired_blocks_table(isa)),
      steps_(&winograd_table(isa)),
      tiles_(1, 1, 1, 1, 1) {
  check_conv(p, false);
  if (p.kernel_h != 3 || p.kernel_w != 3 || p.stride_h > 2 || p.stride_w != p.stride_h || p.dilation_h != 1 ||
      p.dilation_w != 1 || p.group != 1) {
    fail(ErrorCode::unsupported, "Winograd needs a 3 x 3 kernel of stride 1 or 2 without dilation or groups");
  }
  const int64_t size = tuning.size, lanes = in.block;
  if (size < 0 || size > WinogradTable::most_size || steps_->input[p.stride_h - 1][size] == nullptr) {
    fail(ErrorCode::invalid_argument, "Winograd has no tiles of size {} at stride {}", size, p.stride_h);
  }
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  check_conv_layout(out, p.batch, p.channels_out, p.out_height(), p.out_width(), isa, "the output of a convolution");
  planes_ = tile_planes(size, p.stride_h);
  edge_ = p.stride_h == 1 ? size + 2 : 2 * size + 1;
  tuning_.split_channels |= tuning_.fresh_weights;
  tiles_ = WinogradTiles(p.batch, divide_up(p.out_height(), size), divide_up(p.out_width(), size), tuning.tiles,
                         tuning_.split_channels ? 1 : parts);
  in_blocks_ = in.blocks();
  out_blocks_ = out.blocks();
  tuning_.blocks =
      static_cast<int>(std::clamp<int64_t>(tuning.blocks, 1, std::min<int64_t>(out_blocks_, table_->blocks)));
  while (tuning_.paired && paired_->rows[tuning_.blocks] == 0) --tuning_.blocks;
  panels_ = divide_up(out_blocks_, tuning_.blocks);
  // The fresh weights of a chunk should leave most of L2 to what they are multiplied by.
  const int64_t wide = tuning_.blocks * lanes, fresh_block = weight_planes(size) * wide * lanes * 4;
  chunk_blocks_ = std::clamp<int64_t>(cache_sizes().l2 * 2 / 5 / fresh_block, 1, in_blocks_);
  chunk_blocks_ = divide_up(in_blocks_, divide_up(in_blocks_, chunk_blocks_));
  // A line of 64 bytes more, so that the planes do not fall on the same cache sets.
  starts_at_ = in_blocks_ * tiles_.largest * lanes;
  starts_ = divide_up(tiles_.largest, 16) * 16;
  input_plane_ = starts_at_ + (tuning_.paired ? 2 * starts_ : 0) + 16;
  product_plane_ = (tuning_.fresh_weights ? tuning_.blocks : out_blocks_) * tiles_.largest * lanes + 16;
  // What one core has just written comes slowly to another: two parts rather transform all inputs each.
  shares_inputs_ = tuning_.split_channels && parts > 2;
  in_place_ = !shares_inputs_ && !tuning_.fresh_weights && p.stride_h == 1;
  if (in_place_) input_plane_ = product_plane_ = std::max(input_plane_, product_plane_);
  // Of large maps most comes from beyond L2.
  prefetches_pixels_ = !tuning.prefetch_weights && (in.floats() + out.floats()) * 4 > 10 * cache_sizes().l2;
  fresh_plane_ = chunk_blocks_ * lanes * wide + 16;
  for (int64_t i = 0; i < in_blocks_; ++i) offsets_.push_back(i * tiles_.largest * lanes);
  // At stride 2 the rows (and columns) of all odd pixels are multiplied by the last row of weights.
  const auto rows_of = [&](int64_t weight) -> PartRange { return {weight, weight == size + 1 ? edge_ : weight + 1}; };
  for (int64_t t = 0; t < weight_planes(size); ++t) {
    order_begins_.push_back(static_cast<int64_t>(order_.size()));
    const PartRange rows = rows_of(t / (size + 2)), columns = rows_of(t % (size + 2));
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      for (int64_t column = columns.begin; column < columns.end; ++column) order_.push_back(row * edge_ + column);
    }
  }
  order_begins_.push_back(planes_);
}

int64_t WinogradConv::tile_planes(int64_t size, int64_t stride) {
  return stride == 1 ? weight_planes(size) : (2 * size + 1) * (2 * size + 1);
}

WinogradTuning WinogradConv::default_tuning(const ConvProblem& p) {
  // Measured on Zen 4 with weights that are cold.
  WinogradTuning t;
  const int64_t side = std::min(p.out_height(), p.out_width());
  t.size = side >= 36 ? 6 : side >= 12 ? 4 : 2;
  if (p.stride_h == 2) t.size = side % 4 == 0 ? 4 : 3;
  const int64_t planes = tile_planes(t.size, p.stride_h);
  const int64_t weights = weight_planes(t.size) * p.channels_in * p.channels_out * 4;
  t.split_channels = side < 20 && weights > cache_sizes().l2;
  t.blocks = 2;
  // Inputs and products of a batch, which lie in one place at stride 1, should stay within about half of L2.
  const int64_t channels = p.stride_h == 1 ? std::max(p.channels_in, p.channels_out) : p.channels_in + p.channels_out;
  t.tiles = std::clamp<int64_t>(cache_sizes().l2 / 2 / (planes * channels * 4), 14, 28);
  if (side < 20) t.tiles = 28;
  return t;
}

std::string WinogradConv::name() const {
  return fmt::format("conv_f32_winograd{}x3{}{}_{}", tuning_.size, problem_.stride_h == 2 ? "s2" : "",
                     tuning_.paired ? "_paired" : "", isa_name(isa_));
}

int64_t WinogradConv::biases_at() const {
  return (tuning_.fresh_weights ? 9 : weight_planes(tuning_.size)) * out_blocks_ * out_.block * problem_.channels_in;
}

int64_t WinogradConv::packed_floats() const {
  if (!tuning_.paired) return columns_at();
  return sizes_at() + (tuning_.fresh_weights ? weight_planes(tuning_.size) : 0);
}

int64_t WinogradConv::panel_blocks(int64_t panel) const {
  return std::min<int64_t>(tuning_.blocks, out_blocks_ - panel * tuning_.blocks);
}

// U [plane][panel][input channel][blocks * lanes], or fresh ones [panel][input channel][tap][blocks * lanes]; then the
// bias.
void WinogradConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t ins = problem_.channels_in, outs = problem_.channels_out, lanes = out_.block;
  const int64_t plane = out_blocks_ * lanes * ins, panel_floats = tuning_.blocks * lanes;
  const int64_t weight_edge = tuning_.size + 2, planes = weight_planes(tuning_.size);
  std::fill(packed + biases_at(), packed + packed_floats(), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + outs, packed + biases_at());
  float transformed[most_weight_planes][together];
  for (int64_t block = 0; block < out_blocks_; ++block) {
    const int64_t o = block * lanes, panel = o / panel_floats, count = std::min(lanes, outs - o);
    const int64_t wide = panel_blocks(panel) * lanes;
    for (int64_t i = 0; i < ins; ++i) {
      const int64_t at = tuning_.paired ? paired_place(lanes, ins, i) : i;
      const float* w = weights + (o * ins + i) * 9;
      if (tuning_.fresh_weights) {
        float* const to = packed + (panel * panel_floats * ins + at * wide) * 9 + o % panel_floats;
        for (int64_t j = 0; j < 9 * lanes; ++j) {
          to[j / lanes * wide + j % lanes] = j % lanes < count ? w[j % lanes * ins * 9 + j / lanes] : 0;
        }
        continue;
      }
      transform_weights(weight_matrix(problem_.stride_h, tuning_.size), weight_edge, w, ins * 9, count, transformed);
      float* const to = packed + panel * panel_floats * ins + at * wide + o % panel_floats;
      for (int64_t t = 0; t < planes; ++t) std::copy(transformed[t], transformed[t] + lanes, to + t * plane);
    }
  }
  if (tuning_.paired && tuning_.fresh_weights) {
    pair_up_fresh(packed);
  } else if (tuning_.paired) {
    pair_up(packed);
  }
}

/// Taps are scaled, each output channel's by its own power of 2, and get their signs; what they will be when they are
/// transformed in the run says the rest.
void WinogradConv::pair_up_fresh(float* packed) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, all_columns = out_blocks_ * lanes;
  const int64_t planes = weight_planes(tuning_.size), most_wide = tuning_.blocks * lanes;
  const WinogradTable& portable = winograd_table(Isa::portable);
  const WinogradTable::Weights transform = portable.weights[problem_.stride_h - 1][tuning_.size];
  constexpr int64_t lanes_at_once = 8;
  std::vector<float> first(static_cast<size_t>(planes * most_wide)), second = first;
  std::vector<double> pairs(first.size()), squares(static_cast<size_t>(planes));
  for (int64_t panel = 0; panel < panels_; ++panel) {
    const int64_t column0 = panel * most_wide, wide = panel_blocks(panel) * lanes;
    float* const taps = packed + column0 * ins * 9;
    std::vector<float> sizes(static_cast<size_t>(wide));
    for (int64_t column = 0; column < wide; ++column) {
      double sum = 0;
      for (int64_t i = 0; i < ins * 9; ++i)
        sum += static_cast<double>(taps[i * wide + column]) * taps[i * wide + column];
      const float size = nearest_power_of_2(std::sqrt(sum / static_cast<double>(ins * 9)));
      for (int64_t i = 0; i < ins * 9; ++i) {
        taps[i * wide + column] /= paired_place_is_negative(lanes, ins, i / 9) ? -size : size;
      }
      sizes[static_cast<size_t>(column)] = sum > 0 ? size : 0;
    }
    std::fill(pairs.begin(), pairs.end(), 0.0);
    for (int64_t k = 0; k < ins; ++k) {
      for (int64_t j = 0; j < wide; j += lanes_at_once) {
        transform(taps + k * 9 * wide + j, wide, second.data() + j, most_wide);
      }
      const bool ends = k > 0 && paired_place_begins_pair(lanes, ins, k - 1);
      for (int64_t t = 0; t < planes; ++t) {
        for (int64_t j = t * most_wide; j < t * most_wide + wide; ++j) {
          const auto at = static_cast<size_t>(j);
          squares[static_cast<size_t>(t)] += static_cast<double>(second[at]) * second[at];
          if (ends) pairs[at] += static_cast<double>(first[at]) * second[at];
        }
      }
      std::swap(first, second);
    }
    for (int64_t t = 0; t < planes; ++t) {
      float* const start = packed + columns_at() + 2 * t * all_columns + column0;
      for (int64_t j = 0; j < wide; ++j) start[j] = static_cast<float>(-pairs[static_cast<size_t>(t * most_wide + j)]);
      std::copy(sizes.begin(), sizes.end(), start + all_columns);
    }
  }
  const auto count = static_cast<double>(ins * problem_.channels_out);
  for (int64_t t = 0; t < planes; ++t) {
    packed[sizes_at() + t] = nearest_power_of_2(std::sqrt(squares[static_cast<size_t>(t)] / count));
  }
}

void WinogradConv::pair_up(float* packed) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, all_columns = out_blocks_ * lanes;
  for (int64_t t = 0; t < weight_planes(tuning_.size); ++t) {
    float* const start = packed + columns_at() + 2 * t * all_columns;
    for (int64_t panel = 0; panel < panels_; ++panel) {
      const int64_t first = panel * tuning_.blocks * lanes, wide = panel_blocks(panel) * lanes;
      pair_up_blocks(lanes, ins, wide, packed + (t * all_columns + first) * ins, start + first,
                     start + all_columns + first);
    }
  }
}

int64_t WinogradConv::scratch_floats(int64_t parts) const {
  if (in_place_) return (planes_ + 1) * input_plane_ * parts;
  const int64_t inputs = planes_ * input_plane_, products = planes_ * product_plane_;
  const int64_t fresh = tuning_.fresh_weights ? weight_planes(tuning_.size) * fresh_plane_ : 0;
  if (!shares_inputs_) return (inputs + products + fresh) * parts;
  return inputs + (tuning_.fresh_weights ? (products + fresh) * parts : products);
}

void WinogradConv::transform_input(const float* in, Span tiles, int64_t block0, int64_t block1, float* inputs) const {
  const int64_t lanes = in_.block, step = tuning_.size * problem_.stride_h;
  const WinogradTable::Input transform = steps_->input[problem_.stride_h - 1][tuning_.size];
  alignas(64) float copy[WinogradPixels::copy_floats];
  for (int64_t block = block0; block < block1; ++block) {
    for (int64_t t = 0; t < tiles.count; ++t) {
      const auto [image, row, column] = tiles_.place(tiles.first + t);
      const int64_t y = row * step - problem_.pad_top, x = column * step - problem_.pad_left;
      const WinogradPixels pixels = winograd_pixels(in_, in, image, block, y, x, edge_, copy);
      transform(pixels.from, pixels.row, inputs + (block * tiles_.largest + t) * lanes, input_plane_);
    }
  }
}

/// All planes that are multiplied by a plane of a panel's weights.
void WinogradConv::multiply_planes(TileArgs& a, int64_t weight_plane, Span tiles, int64_t panel, const float* inputs,
                                   float* products, WinogradAhead* ahead) const {
  for (int64_t i = order_begins_[weight_plane]; i < order_begins_[weight_plane + 1]; ++i) {
    multiply_winograd_tiles(*table_, a, panel_blocks(panel), is_half(panel), tiles.count,
                            inputs + order_[i] * input_plane_, products + order_[i] * product_plane_, ahead);
  }
}

void WinogradConv::multiply(const float* packed, Span tiles, int64_t panel0, int64_t panel1, const float* inputs,
                            float* products, WinogradAhead* ahead) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, plane = out_blocks_ * lanes * ins;
  const int64_t planes = weight_planes(tuning_.size), panel_floats = tuning_.blocks * lanes * ins;
  TileArgs a = winograd_products(lanes, ins, tiles_.largest);
  a.offsets = offsets_.data();
  const int64_t calls = divide_up(tiles.count, table_->rows[tuning_.blocks]) * in_blocks_;
  const int64_t lines_ahead = ahead != nullptr ? divide_up(ahead->lines(), calls * planes_ * (panel1 - panel0)) : 0;
  for (int64_t t = 0; t < planes; ++t) {
    for (int64_t panel = panel0; panel < panel1; ++panel) {
      const int64_t floats = panel_blocks(panel) * lanes * ins;
      a.weights = packed + t * plane + panel * panel_floats;
      const bool last_panel = panel + 1 == panel1, last = last_panel && t + 1 == planes;
      a.prefetch = reinterpret_cast<const char*>(last_panel ? packed + (t + 1) * plane + panel0 * panel_floats
                                                            : a.weights + floats);
      a.prefetch_lines = tuning_.prefetch_weights && !last
                             ? divide_up(floats, 16 * calls * (order_begins_[t + 1] - order_begins_[t]))
                             : 0;
      if (ahead != nullptr) a.prefetch_lines = lines_ahead;
      multiply_planes(a, t, tiles, panel, inputs, products + panel * tuning_.blocks * tiles_.largest * lanes, ahead);
    }
  }
}

/// Makes some tiles of all planes that are multiplied by a plane of weights ready for that.
void WinogradConv::make_ready(const float* packed, int64_t weight_plane, PartRange tiles, float* inputs) const {
  const float size = tuning_.fresh_weights ? packed[sizes_at() + weight_plane] : 1;
  for (int64_t i = order_begins_[weight_plane]; i < order_begins_[weight_plane + 1]; ++i) {
    float *const at = inputs + order_[i] * input_plane_, *const start = at + starts_at_ + tiles.begin;
    paired_->make_ready({at + tiles.begin * in_.block, size, tiles.end - tiles.begin, problem_.channels_in,
                         tiles_.largest * in_.block, start, start + starts_});
  }
}

/// Multiplies tiles that are ready by a panel; `starts` of the tiles, and their scales after them.
void WinogradConv::multiply_ready(PairedTileArgs& a, int64_t blocks, int64_t count, const float* in,
                                  const float* starts, float* products, WinogradAhead* ahead) const {
  static constexpr float zeros[TileTable::most_rows] = {};
  const int64_t lanes = out_.block, groups = divide_up(a.depth, lanes), lines = a.prefetch_lines;
  const bool goes_on = a.residual != nullptr;
  for (int64_t begin = 0, rows = 0; begin < count; begin += rows) {
    rows = paired_->next_rows(blocks, count - begin);
    a.in = in + begin * lanes;
    a.row_start = goes_on ? zeros : starts + begin;
    a.row_unscale = starts + starts_ + begin;
    a.out = products + begin * lanes;
    if (goes_on) a.residual = a.out;
    if (ahead != nullptr) {
      a.prefetch = ahead->next(lines * groups);
      a.prefetch_lines = a.prefetch != nullptr ? lines : 0;
    }
    paired_->tiles[blocks][rows](a);
    if (ahead == nullptr) a.prefetch += lines * groups * 64;
  }
  a.prefetch_lines = lines;
}

/// As multiply(), in pairs. Where parts do not share the inputs they are made ready here, just before they are used.
void WinogradConv::multiply_pairs(const float* packed, Span tiles, int64_t panel0, int64_t panel1, float* inputs,
                                  float* products, WinogradAhead* ahead) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, all_columns = out_blocks_ * lanes;
  const int64_t planes = weight_planes(tuning_.size);
  const int64_t calls = divide_up(tiles.count, paired_->rows[tuning_.blocks]) * in_blocks_;
  PairedTileArgs a = winograd_pairs(lanes, ins, tiles_.largest);
  const int64_t lines_ahead = ahead != nullptr ? divide_up(ahead->lines(), calls * planes_ * (panel1 - panel0)) : 0;
  for (int64_t t = 0; t < planes; ++t) {
    if (!shares_inputs_) make_ready(packed, t, {0, tiles.count}, inputs);
    for (int64_t panel = panel0; panel < panel1; ++panel) {
      const int64_t first = panel * tuning_.blocks, blocks = panel_blocks(panel), floats = blocks * lanes * ins;
      a.weights = packed + (t * all_columns + first * lanes) * ins;
      a.column_start = packed + columns_at() + 2 * t * all_columns + first * lanes;
      a.column_unscale = a.column_start + all_columns;
      const bool last_panel = panel + 1 == panel1, last = last_panel && t + 1 == planes;
      a.prefetch = reinterpret_cast<const char*>(
          last_panel ? packed + ((t + 1) * all_columns + panel0 * tuning_.blocks * lanes) * ins : a.weights + floats);
      a.prefetch_lines = tuning_.prefetch_weights && !last
                             ? divide_up(floats, 16 * calls * (order_begins_[t + 1] - order_begins_[t]))
                             : 0;
      if (ahead != nullptr) a.prefetch_lines = lines_ahead;
      for (int64_t i = order_begins_[t]; i < order_begins_[t + 1]; ++i) {
        const float* const in = inputs + order_[i] * input_plane_;
        multiply_ready(a, blocks, tiles.count, in, in + starts_at_,
                       products + order_[i] * product_plane_ + first * tiles_.largest * lanes, ahead);
      }
    }
  }
}

/// Transforms the weights of a panel, a chunk of input channels at a time, and multiplies by them.
void WinogradConv::multiply_fresh(const float* packed, Span tiles, int64_t panel, bool last, const float* inputs,
                                  float* fresh, float* products) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, planes = weight_planes(tuning_.size);
  const int64_t blocks = panel_blocks(panel), wide = blocks * lanes,
                runs = divide_up(tiles.count, table_->rows[blocks]);
  const WinogradTable::Weights transform = steps_->weights[problem_.stride_h - 1][tuning_.size];
  const float* weights = packed + panel * tuning_.blocks * lanes * ins * 9;
  const float* const end = last ? weights + ins * wide * 9 : packed + biases_at();
  for (int64_t block = 0; block < in_blocks_; block += chunk_blocks_) {
    const int64_t groups = std::min(chunk_blocks_, in_blocks_ - block);
    const int64_t count = std::min(ins - block * lanes, groups * lanes);
    for (int64_t i = 0; i < count; ++i, weights += 9 * wide) {
      for (int64_t j = 0; j < blocks; ++j) {
        transform(weights + j * lanes, wide, fresh + i * wide + j * lanes, fresh_plane_);
      }
    }
    TileArgs a = winograd_products(lanes, count, tiles_.largest);
    a.offsets = offsets_.data();
    // Sums go on from those of the chunk before.
    a.residual = block > 0 ? products : nullptr;
    // While this chunk is multiplied, the inputs of the next plane and a share of the next chunk's weights are fetched.
    const int64_t input_lines = groups * tiles_.largest * lanes / 16;
    a.prefetch_lines = divide_up(input_lines, runs * groups);
    const int64_t weight_lines = divide_up(chunk_blocks_ * lanes * 9 * wide, 16 * planes_);
    const float* const from = inputs + block * tiles_.largest * lanes;
    const float* ahead = weights;
    PairedTileArgs pairs = winograd_pairs(lanes, count, tiles_.largest);
    pairs.residual = a.residual, pairs.prefetch_lines = a.prefetch_lines;
    for (int64_t t = 0; t < planes; ++t) {
      pairs.weights = a.weights = fresh + t * fresh_plane_;
      const float* const columns = packed + columns_at() + (2 * t * out_blocks_ + panel * tuning_.blocks) * lanes;
      pairs.column_start = block > 0 ? pairs.bias : columns;
      pairs.column_unscale = columns + out_blocks_ * lanes;
      for (int64_t i = order_begins_[t]; i < order_begins_[t + 1]; ++i) {
        for (int64_t j = 0; j < weight_lines && ahead < end; ++j, ahead += 16) __builtin_prefetch(ahead, 0, 2);
        const int64_t next = order_[i + 1 < planes_ ? i + 1 : 0];
        pairs.prefetch = a.prefetch = reinterpret_cast<const char*>(from + next * input_plane_);
        if (tuning_.paired) {
          multiply_ready(pairs, blocks, tiles.count, from + order_[i] * input_plane_,
                         inputs + order_[i] * input_plane_ + starts_at_, products + order_[i] * product_plane_,
                         nullptr);
          continue;
        }
        multiply_winograd_tiles(*table_, a, blocks, is_half(panel), tiles.count, from + order_[i] * input_plane_,
                                products + order_[i] * product_plane_);
      }
    }
  }
}

void WinogradConv::transform_output(const ConvPointers& p, Span tiles, int64_t block0, int64_t block1,
                                    const float* products) const {
  const int64_t lanes = out_.block, size = tuning_.size;
  const float* const bias = p.packed + biases_at();
  const bool after = epilogue_.epilogue.residual == Residual::after_activation;
  const WinogradTable::Output transform = steps_->output[problem_.stride_h - 1][size];
  WinogradTable::OutputArgs a{};
  a.plane = product_plane_;
  a.out_row = out_.row_stride();
  a.low = epilogue_.low, a.high = epilogue_.high;
  for (int64_t block = block0; block < block1; ++block) {
    a.bias = bias + block * lanes;
    for (int64_t t = 0; t < tiles.count; ++t) {
      const auto [image, row, column] = tiles_.place(tiles.first + t);
      const int64_t at = out_.offset(image, block, row * size, column * size);
      a.from = products + ((block - block0) * tiles_.largest + t) * lanes;
      a.out = p.out + at;
      a.residual = p.residual == nullptr || after ? nullptr : p.residual + at;
      a.height = std::min(size, out_.h - row * size), a.width = std::min(size, out_.w - column * size);
      transform(a);
      TilePassArgs rest{};
      rest.out = a.out, rest.residual = after ? p.residual + at : nullptr;
      rest.lines = a.height, rest.line_step = a.out_row;
      rest.pixels = a.width, rest.pixel_step = lanes;
      finish_winograd_pixels(*table_, epilogue_, rest, std::min(lanes, problem_.channels_out - block * lanes));
    }
  }
}

/// The products of some panels by tiles that are transformed, and the output of these.
void WinogradConv::finish_panels(const ConvPointers& p, Span tiles, PartRange panels, float* inputs, float* products,
                                 float* fresh, WinogradAhead* ahead) const {
  if (tuning_.fresh_weights) {
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
      multiply_fresh(p.packed, tiles, panel, panel + 1 == panels.end, inputs, fresh, products);
      const int64_t first = panel * tuning_.blocks;
      transform_output(p, tiles, first, first + panel_blocks(panel), products);
    }
    return;
  }
  if (tuning_.paired) {
    multiply_pairs(p.packed, tiles, panels.begin, panels.end, inputs, products, ahead);
  } else {
    multiply(p.packed, tiles, panels.begin, panels.end, inputs, products, ahead);
  }
  const int64_t block0 = panels.begin * tuning_.blocks, block1 = std::min(out_blocks_, panels.end * tuning_.blocks);
  transform_output(p, tiles, block0, block1, products + block0 * tiles_.largest * out_.block);
}

void WinogradConv::run_batch(int64_t index, bool is_last, PartRange panels, const ConvPointers& p,
                             float* scratch) const {
  float* const products = scratch;
  float* const inputs = products + (in_place_ ? 1 : planes_) * product_plane_;
  const Span tiles = tiles_.batch(index);
  transform_input(p.in, tiles, 0, in_blocks_, inputs);
  if (tuning_.fresh_weights && tuning_.paired) {
    for (int64_t t = 0; t < weight_planes(tuning_.size); ++t) make_ready(p.packed, t, {0, tiles.count}, inputs);
  }
  WinogradAhead ahead;
  ahead.add(tiles_, tiles, out_, p.out, tuning_.size, 0, 0);
  if (!is_last) {
    ahead.add(tiles_, tiles_.batch(index + 1), in_, p.in, tuning_.size * problem_.stride_h, problem_.pad_top - 1,
              problem_.pad_left - 1);
  }
  const bool fetches = prefetches_pixels_ && !tuning_.split_channels;
  finish_panels(p, tiles, panels, inputs, products, inputs + planes_ * input_plane_, fetches ? &ahead : nullptr);
}

void WinogradConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  if (phase == 0) clear_halo(out_, p.out, part, parts);
  const PartRange own_panels = part_range(panels_, part, parts);
  if (!shares_inputs_) {
    float* const own = scratch + part * (scratch_floats(parts) / parts);
    if (tuning_.split_channels) {
      if (own_panels.begin < own_panels.end) run_batch(phase, true, own_panels, p, own);
      return;
    }
    const auto [begin, end] = part_range(tiles_.batches, part, parts);
    for (int64_t i = begin; i < end; ++i) run_batch(i, i + 1 == end, {0, panels_}, p, own);
    return;
  }
  const Span tiles = tiles_.batch(phase / 2);
  if (phase % 2 == 0 && tuning_.paired) {
    const auto [begin, end] = part_range(tiles.count, part, parts);
    transform_input(p.in, {tiles.first + begin, end - begin}, 0, in_blocks_, scratch + begin * in_.block);
    for (int64_t t = 0; t < weight_planes(tuning_.size); ++t) make_ready(p.packed, t, {begin, end}, scratch);
    return;
  }
  if (phase % 2 == 0) {
    const auto [begin, end] = part_range(in_blocks_, part, parts);
    transform_input(p.in, tiles, begin, end, scratch);
    return;
  }
  float* const products = scratch + planes_ * input_plane_;
  const int64_t products_floats = planes_ * product_plane_;
  const int64_t own = tuning_.fresh_weights ? products_floats + weight_planes(tuning_.size) * fresh_plane_ : 0;
  finish_panels(p, tiles, own_panels, scratch, products + part * own, products + part * own + products_floats, nullptr);
}

}  // namespace kiln
