#include "kernels/conv/winograd.hpp"

#include <algorithm>
#include <cstring>

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

/// G w Gt of the 3 x 3 kernels of `count` output channels, `row` floats apart, in f64: to[plane][channel].
template <int size>
void transform_weights(const float* w, int64_t row, int64_t count, float (&to)[64][together]) {
  constexpr int edge = size + 2;
  const auto& g = WinogradMatrices<size>::weights;
  double kernel[9][together] = {}, half[edge][3][together];
  for (int64_t o = 0; o < count; ++o) {
    for (int i = 0; i < 9; ++i) kernel[i][o] = w[o * row + i];
  }
  for (int r = 0; r < edge; ++r) {
    for (int c = 0; c < 3; ++c) {
      for (int64_t o = 0; o < together; ++o) {
        half[r][c][o] = g[r][0] * kernel[c][o] + g[r][1] * kernel[3 + c][o] + g[r][2] * kernel[6 + c][o];
      }
    }
  }
  for (int r = 0; r < edge; ++r) {
    for (int c = 0; c < edge; ++c) {
      for (int64_t o = 0; o < together; ++o) {
        to[r * edge + c][o] =
            static_cast<float>(half[r][0][o] * g[c][0] + half[r][1][o] * g[c][1] + half[r][2][o] * g[c][2]);
      }
    }
  }
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
      tiles_(&tile_table(isa)),
      steps_(&winograd_table(isa)) {
  check_conv(p, false);
  if (p.kernel_h != 3 || p.kernel_w != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 ||
      p.dilation_w != 1 || p.group != 1) {
    fail(ErrorCode::unsupported, "Winograd needs a 3 x 3 kernel of stride 1 without dilation or groups");
  }
  if (tuning.size != 2 && tuning.size != 4 && tuning.size != 6) {
    fail(ErrorCode::invalid_argument, "Winograd tiles have a size of 2, 4 or 6, not {}", tuning.size);
  }
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  check_conv_layout(out, p.batch, p.channels_out, p.out_height(), p.out_width(), isa, "the output of a convolution");
  edge_ = tuning.size + 2;
  planes_ = edge_ * edge_;
  tiles_y_ = divide_up(p.out_height(), tuning.size);
  tiles_x_ = divide_up(p.out_width(), tuning.size);
  tile_count_ = p.batch * tiles_y_ * tiles_x_;
  // Batches of nearly equal size, as many as a multiple of the parts that take turns at them.
  batches_ = divide_up(tile_count_, std::clamp<int64_t>(tuning.tiles, 1, tile_count_));
  if (!tuning.split_channels) batches_ = divide_up(batches_, std::max<int64_t>(parts, 1)) * std::max<int64_t>(parts, 1);
  tuning_.tiles = divide_up(tile_count_, batches_);
  batches_ = divide_up(tile_count_, tuning_.tiles);
  in_blocks_ = in.blocks();
  out_blocks_ = out.blocks();
  tuning_.blocks =
      static_cast<int>(std::clamp<int64_t>(tuning.blocks, 1, std::min<int64_t>(out_blocks_, tiles_->blocks)));
  panels_ = divide_up(out_blocks_, tuning_.blocks);
  // A line of 64 bytes more, so that the planes do not fall on the same cache sets.
  input_plane_ = in_blocks_ * tuning_.tiles * in.block + 16;
  product_plane_ = out_blocks_ * tuning_.tiles * out.block + 16;
  for (int64_t i = 0; i < in_blocks_; ++i) offsets_.push_back(i * tuning_.tiles * in.block);
}

WinogradTuning WinogradConv::default_tuning(const ConvProblem& p) {
  // Measured on Zen 4 with weights that are cold.
  WinogradTuning t;
  const int64_t side = std::min(p.out_height(), p.out_width()), edges = p.channels_in + p.channels_out;
  t.size = side >= 36 ? 6 : side >= 12 ? 4 : 2;
  const int64_t planes = (t.size + 2) * (t.size + 2), weights = planes * p.channels_in * p.channels_out * 4;
  t.split_channels = side < 20 && weights > cache_sizes().l2;
  t.blocks = 2;
  // Inputs and products of a batch should stay within about half of L2.
  t.tiles = std::clamp<int64_t>(cache_sizes().l2 / 2 / (planes * edges * 4), 14, 28);
  if (side < 20) t.tiles = 28;
  return t;
}

std::string WinogradConv::name() const { return fmt::format("conv_f32_winograd{}x3_{}", tuning_.size, isa_name(isa_)); }

int64_t WinogradConv::packed_floats() const {
  return planes_ * out_blocks_ * out_.block * problem_.channels_in + out_blocks_ * out_.block;
}

// U [plane][panel][input channel][blocks * lanes], then the bias.
void WinogradConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t ins = problem_.channels_in, outs = problem_.channels_out, lanes = out_.block;
  const int64_t plane = out_blocks_ * lanes * ins, panel_floats = tuning_.blocks * lanes;
  std::fill(packed + planes_ * plane, packed + packed_floats(), 0.0f);
  float transformed[64][together];
  for (int64_t block = 0; block < out_blocks_; ++block) {
    const int64_t o = block * lanes, panel = o / panel_floats, count = std::min(lanes, outs - o);
    const int64_t wide = std::min(panel_floats, out_blocks_ * lanes - panel * panel_floats);
    for (int64_t i = 0; i < ins; ++i) {
      const float* w = weights + (o * ins + i) * 9;
      if (tuning_.size == 2) transform_weights<2>(w, ins * 9, count, transformed);
      if (tuning_.size == 4) transform_weights<4>(w, ins * 9, count, transformed);
      if (tuning_.size == 6) transform_weights<6>(w, ins * 9, count, transformed);
      float* to = packed + panel * panel_floats * ins + i * wide + o % panel_floats;
      for (int64_t t = 0; t < planes_; ++t) std::copy(transformed[t], transformed[t] + lanes, to + t * plane);
    }
  }
  if (bias != nullptr) std::copy(bias, bias + outs, packed + planes_ * plane);
}

int64_t WinogradConv::scratch_floats(int64_t parts) const {
  return planes_ * (input_plane_ + product_plane_) * (tuning_.split_channels ? 1 : parts);
}

WinogradConv::TileSpan WinogradConv::batch(int64_t index) const {
  const int64_t first = index * tuning_.tiles;
  return {first, std::min(tuning_.tiles, tile_count_ - first)};
}

void WinogradConv::transform_input(const float* in, TileSpan tiles, int64_t block0, int64_t block1,
                                   float* inputs) const {
  const int64_t lanes = in_.block, halo = in_.halo;
  alignas(64) float copy[64 * 16];
  for (int64_t block = block0; block < block1; ++block) {
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t tile = tiles.first + t, image = tile / (tiles_y_ * tiles_x_);
      const int64_t y = tile / tiles_x_ % tiles_y_ * tuning_.size - problem_.pad_top;
      const int64_t x = tile % tiles_x_ * tuning_.size - problem_.pad_left;
      const float* from = in + in_.offset(image, block, y, x);
      int64_t row = in_.row_stride();
      if (y < -halo || x < -halo || y + edge_ > in_.h + halo || x + edge_ > in_.w + halo) {
        std::memset(copy, 0, sizeof copy);
        const int64_t x0 = std::max<int64_t>(x, 0), x1 = std::min(x + edge_, in_.w);
        for (int64_t i = std::max<int64_t>(y, 0); i < std::min(y + edge_, in_.h) && x0 < x1; ++i) {
          const float* pixels = in + in_.offset(image, block, i, x0);
          std::copy(pixels, pixels + (x1 - x0) * lanes, copy + ((i - y) * edge_ + x0 - x) * lanes);
        }
        from = copy;
        row = edge_ * lanes;
      }
      steps_->input[tuning_.size / 2 - 1](from, row, inputs + (block * tuning_.tiles + t) * lanes, input_plane_);
    }
  }
}

void WinogradConv::multiply(const float* packed, TileSpan tiles, int64_t panel0, int64_t panel1, const float* inputs,
                            float* products) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, plane = out_blocks_ * lanes * ins;
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  const EpiloguePlan none{Epilogue{}};
  TileArgs a{};
  a.offsets = offsets_.data();
  a.length = lanes, a.groups = ins / lanes;
  a.tail_length = ins % lanes, a.tail_groups = a.tail_length != 0;
  a.bias = zeros;
  a.in_step = a.out_step = lanes;
  a.out_block = tuning_.tiles * lanes;
  a.low = none.low, a.high = none.high;
  for (int64_t t = 0; t < planes_; ++t) {
    for (int64_t panel = panel0; panel < panel1; ++panel) {
      const int64_t blocks = std::min<int64_t>(tuning_.blocks, out_blocks_ - panel * tuning_.blocks);
      a.weights = packed + t * plane + panel * tuning_.blocks * lanes * ins;
      const int64_t runs = divide_up(tiles.count, tiles_->rows[blocks]);
      const bool last_panel = panel + 1 == panel1, last = last_panel && t + 1 == planes_;
      const float* next = last_panel ? packed + (t + 1) * plane + panel0 * tuning_.blocks * lanes * ins
                                     : a.weights + blocks * lanes * ins;
      const int64_t groups = a.groups + a.tail_groups;
      a.prefetch_lines = tuning_.prefetch_weights && !last ? divide_up(blocks * lanes * ins, 16 * runs * groups) : 0;
      for (int64_t i = 0, first = 0; i < runs; ++i) {
        const int64_t rows = divide_up(tiles.count - first, runs - i);
        a.prefetch = reinterpret_cast<const char*>(next) + i * a.prefetch_lines * groups * 64;
        a.in = inputs + t * input_plane_ + first * lanes;
        a.out = products + t * product_plane_ + (panel * tuning_.blocks * tuning_.tiles + first) * lanes;
        tiles_->find(lanes, blocks, rows)(a);
        first += rows;
      }
    }
  }
}

void WinogradConv::transform_output(const ConvPointers& p, TileSpan tiles, int64_t block0, int64_t block1,
                                    const float* products) const {
  const int64_t lanes = out_.block, size = tuning_.size;
  const float* const bias = p.packed + planes_ * out_blocks_ * lanes * problem_.channels_in;
  const Epilogue& e = epilogue_.epilogue;
  const bool after = e.residual == Residual::after_activation;
  WinogradTable::OutputArgs a{};
  a.plane = product_plane_;
  a.out_row = out_.row_stride();
  a.low = epilogue_.low, a.high = epilogue_.high;
  for (int64_t block = block0; block < block1; ++block) {
    const int64_t used = std::min(lanes, problem_.channels_out - block * lanes);
    a.bias = bias + block * lanes;
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t tile = tiles.first + t, image = tile / (tiles_y_ * tiles_x_);
      const int64_t y = tile / tiles_x_ % tiles_y_ * size, x = tile % tiles_x_ * size;
      const int64_t at = out_.offset(image, block, y, x);
      a.from = products + (block * tuning_.tiles + t) * lanes;
      a.out = p.out + at;
      a.residual = p.residual == nullptr || after ? nullptr : p.residual + at;
      a.height = std::min(size, out_.h - y), a.width = std::min(size, out_.w - x);
      steps_->output[size / 2 - 1](a);
      if (epilogue_.pass) {
        tiles_->pass({e.activation, e.alpha, e.beta, a.out, after ? p.residual + at : nullptr, a.height, a.out_row,
                      a.width, lanes, 1, 0});
      }
      if (epilogue_.moves_zero && used < lanes) {
        for (int64_t i = 0; i < a.height * a.width; ++i) {
          float* const pixel = a.out + i / a.width * a.out_row + i % a.width * lanes;
          std::fill(pixel + used, pixel + lanes, 0.0f);
        }
      }
    }
  }
}

void WinogradConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  if (phase == 0) clear_halo(out_, p.out, part, parts);
  const int64_t inputs_floats = planes_ * input_plane_;
  if (!tuning_.split_channels) {
    float* const inputs = scratch + part * planes_ * (input_plane_ + product_plane_);
    float* const products = inputs + inputs_floats;
    const auto [begin, end] = part_range(batches_, part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const TileSpan tiles = batch(i);
      transform_input(p.in, tiles, 0, in_blocks_, inputs);
      multiply(p.packed, tiles, 0, panels_, inputs, products);
      transform_output(p, tiles, 0, out_blocks_, products);
    }
    return;
  }
  const TileSpan tiles = batch(phase / 2);
  float* const products = scratch + inputs_floats;
  if (phase % 2 == 0) {
    const auto [begin, end] = part_range(in_blocks_, part, parts);
    transform_input(p.in, tiles, begin, end, scratch);
  } else {
    const auto [begin, end] = part_range(panels_, part, parts);
    multiply(p.packed, tiles, begin, end, scratch, products);
    transform_output(p, tiles, std::min(out_blocks_, begin * tuning_.blocks),
                     std::min(out_blocks_, end * tuning_.blocks), products);
  }
}

}  // namespace kiln
