#include "kernels/conv/transposed_winograd.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/winograd_matrices.hpp"

namespace kiln {
namespace {

constexpr int64_t residues = 4, most_planes = 36;

/// G of F(size x size, 2 x 2): that of F(size - 1 x size - 1, 3 x 3), which has the same points, for one tap less.
template <int size>
void weight_matrix(double (&g)[6][2]) {
  for (int row = 0; row <= size; ++row) {
    for (int tap = 0; tap < 2; ++tap)
      g[row][tap] = WinogradMatrices<size - 1>::weights[row][row == size ? tap + 1 : tap];
  }
}

}  // namespace

TransposedWinogradConv::TransposedWinogradConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out,
                                               Isa isa, const TransposedWinogradTuning& tuning, int64_t parts)
    : problem_(p),
      in_(in),
      out_(out),
      tuning_(tuning),
      isa_(isa),
      epilogue_(p.epilogue),
      tiles_(&tile_table(isa)),
      steps_(&winograd_table(isa)) {
  check_conv(p, true);
  const auto fits = [](int64_t kernel) { return kernel == 3 || kernel == 4; };
  if (!fits(p.kernel_h) || !fits(p.kernel_w) || p.stride_h != 2 || p.stride_w != 2 || p.dilation_h != 1 ||
      p.dilation_w != 1 || p.group != 1) {
    fail(ErrorCode::unsupported,
         "transposed Winograd needs kernel sizes of 3 or 4 and strides of 2 without dilation or groups");
  }
  if ((tuning.size != 3 && tuning.size != 5) || residues % tuning.residues != 0) {
    fail(ErrorCode::invalid_argument, "transposed Winograd knows no tiles of size {} by {} residues", tuning.size,
         tuning.residues);
  }
  const int64_t height = p.transposed_height(), width = p.transposed_width();
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a transposed convolution");
  check_conv_layout(out, p.batch, p.channels_out, height, width, isa, "the output of a transposed convolution");
  edge_ = tuning.size + 1;
  planes_ = edge_ * edge_;
  first_y_ = p.pad_top / 2;
  first_x_ = p.pad_left / 2;
  tiles_y_ = divide_up((height - 1 + p.pad_top) / 2 - first_y_ + 1, tuning.size);
  tiles_x_ = divide_up((width - 1 + p.pad_left) / 2 - first_x_ + 1, tuning.size);
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
  jobs_ = divide_up(out_blocks_, tuning_.blocks) * (residues / tuning_.residues);
  // A line of 64 bytes more, so that the planes do not fall on the same cache sets.
  input_plane_ = in_blocks_ * tuning_.tiles * in.block + 16;
  product_plane_ = tuning_.blocks * tuning_.tiles * out.block + 16;
  for (int64_t i = 0; i < in_blocks_; ++i) offsets_.push_back(i * tuning_.tiles * in.block);
}

TransposedWinogradTuning TransposedWinogradConv::default_tuning(const ConvProblem& p) {
  TransposedWinogradTuning t;
  const int64_t side = std::min(p.height, p.width);
  t.size = side >= 20 ? 5 : 3;
  const int64_t weights = residues * (t.size + 1) * (t.size + 1) * p.channels_in * p.channels_out * 4;
  t.split_channels = weights > cache_sizes().l2;
  t.tiles = t.split_channels ? 84 : 28;
  t.residues = t.split_channels ? 1 : 4;
  t.prefetch_weights = t.split_channels;
  return t;
}

std::string TransposedWinogradConv::name() const {
  return fmt::format("conv_f32_transposed_winograd{}x2_{}", tuning_.size, isa_name(isa_));
}

int64_t TransposedWinogradConv::packed_floats() const {
  return (residues * planes_ * problem_.channels_in + 1) * out_blocks_ * out_.block;
}

TransposedWinogradConv::Job TransposedWinogradConv::job(int64_t index) const {
  const int64_t shares = residues / tuning_.residues, block = index / shares * tuning_.blocks;
  const int64_t blocks = std::min<int64_t>(tuning_.blocks, out_blocks_ - block);
  const int64_t residue = index % shares * tuning_.residues;
  const int64_t plane = problem_.channels_in * planes_ * out_.block;
  return {block, blocks, residue, (block * residues + residue * blocks) * plane};
}

// U [job][plane][residue of the job][input channel][blocks * lanes], then the bias.
void TransposedWinogradConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t ins = problem_.channels_in, outs = problem_.channels_out, lanes = out_.block;
  const int64_t kernel_h = problem_.kernel_h, kernel_w = problem_.kernel_w, area = kernel_h * kernel_w;
  double g[6][2];
  if (tuning_.size == 3) {
    weight_matrix<3>(g);
  } else {
    weight_matrix<5>(g);
  }
  const auto transform = [&](const double(&taps)[2][2][16], int64_t row, int64_t column, float* to) {
    for (int64_t o = 0; o < lanes; ++o) {
      const double above = taps[0][0][o] * g[column][0] + taps[0][1][o] * g[column][1];
      const double below = taps[1][0][o] * g[column][0] + taps[1][1][o] * g[column][1];
      to[o] = static_cast<float>(g[row][0] * above + g[row][1] * below);
    }
  };
  for (int64_t index = 0; index < jobs_; ++index) {
    const Job job = this->job(index);
    const int64_t wide = job.blocks * lanes;
    for (int64_t i = 0; i < ins * job.blocks * tuning_.residues; ++i) {
      const int64_t in = i / (job.blocks * tuning_.residues), block = i / tuning_.residues % job.blocks;
      const int64_t r = i % tuning_.residues, y = (job.residue + r) / 2, x = (job.residue + r) % 2;
      const int64_t first = (job.block + block) * lanes, count = std::min(lanes, outs - first);
      double taps[2][2][16] = {};
      for (int64_t tap = 0; tap < 4; ++tap) {
        const int64_t ky = y + 2 - tap / 2 * 2, kx = x + 2 - tap % 2 * 2;
        if (ky >= kernel_h || kx >= kernel_w) continue;
        const float* from = weights + (in * outs + first) * area + ky * kernel_w + kx;
        for (int64_t o = 0; o < count; ++o) taps[tap / 2][tap % 2][o] = from[o * area];
      }
      for (int64_t t = 0; t < planes_; ++t) {
        float* const to = packed + job.weights + ((t * tuning_.residues + r) * ins + in) * wide + block * lanes;
        transform(taps, t / edge_, t % edge_, to);
      }
    }
  }
  float* const biases = packed + packed_floats() - out_blocks_ * lanes;
  std::fill(biases, packed + packed_floats(), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + outs, biases);
}

int64_t TransposedWinogradConv::scratch_floats(int64_t parts) const {
  return planes_ * (input_plane_ * (tuning_.split_channels ? 1 : parts) + tuning_.residues * product_plane_ * parts);
}

TransposedWinogradConv::TileSpan TransposedWinogradConv::batch(int64_t index) const {
  const int64_t first = index * tuning_.tiles;
  return {first, std::min(tuning_.tiles, tile_count_ - first)};
}

/// Of the tiles of all channel blocks, those from index0 to index1.
void TransposedWinogradConv::transform_input(const float* in, TileSpan tiles, int64_t index0, int64_t index1,
                                             float* inputs) const {
  const int64_t lanes = in_.block, halo = in_.halo;
  alignas(64) float copy[most_planes * 16];
  for (int64_t index = index0; index < index1; ++index) {
    const int64_t block = index / tiles.count, t = index % tiles.count;
    const int64_t tile = tiles.first + t, image = tile / (tiles_y_ * tiles_x_);
    const int64_t y = first_y_ + tile / tiles_x_ % tiles_y_ * tuning_.size - 1;
    const int64_t x = first_x_ + tile % tiles_x_ * tuning_.size - 1;
    const float* from = in;
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
    } else {
      from += in_.offset(image, block, y, x);
    }
    steps_->input[0][tuning_.size - 1](from, row, inputs + (block * tuning_.tiles + t) * lanes, input_plane_);
  }
}

void TransposedWinogradConv::multiply(const float* packed, TileSpan tiles, const Job& job, bool last,
                                      const float* inputs, float* products) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, floats = ins * job.blocks * lanes;
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  const EpiloguePlan none{Epilogue{}};
  const int64_t runs = divide_up(tiles.count, tiles_->rows[job.blocks]);
  TileArgs a{};
  a.offsets = offsets_.data();
  a.length = lanes, a.groups = ins / lanes;
  a.tail_length = ins % lanes, a.tail_groups = a.tail_length != 0;
  a.weights = packed + job.weights;
  a.bias = zeros;
  a.in_step = a.out_step = lanes;
  a.out_block = tuning_.tiles * lanes;
  a.low = none.low, a.high = none.high;
  const int64_t groups = a.groups + a.tail_groups, lines = divide_up(floats, 16 * runs * groups);
  for (int64_t i = 0; i < planes_ * tuning_.residues; ++i, a.weights += floats) {
    const int64_t t = i / tuning_.residues, r = i % tuning_.residues;
    const bool ends = last && i + 1 == planes_ * tuning_.residues;
    a.prefetch_lines = tuning_.prefetch_weights && !ends ? lines : 0;
    for (int64_t run = 0, first = 0; run < runs; ++run) {
      const int64_t rows = divide_up(tiles.count - first, runs - run);
      a.prefetch = reinterpret_cast<const char*>(a.weights + floats) + run * lines * groups * 64;
      a.in = inputs + t * input_plane_ + first * lanes;
      a.out = products + (r * planes_ + t) * product_plane_ + first * lanes;
      tiles_->find(lanes, job.blocks, rows)(a);
      first += rows;
    }
  }
}

void TransposedWinogradConv::transform_output(const ConvPointers& p, TileSpan tiles, const Job& job,
                                              const float* products) const {
  const int64_t lanes = out_.block, size = tuning_.size;
  const float* const bias = p.packed + packed_floats() - out_blocks_ * lanes;
  const Epilogue& e = epilogue_.epilogue;
  const bool after = e.residual == Residual::after_activation;
  WinogradTable::OutputArgs a{};
  a.plane = product_plane_;
  a.out_row = 2 * out_.row_stride();
  a.out_pixel = 2 * lanes;
  a.low = epilogue_.low, a.high = epilogue_.high;
  for (int64_t index = 0; index < job.blocks * tiles.count * tuning_.residues; ++index) {
    const int64_t j = index / (tiles.count * tuning_.residues), block = job.block + j;
    const int64_t t = index / tuning_.residues % tiles.count, r = index % tuning_.residues;
    const int64_t tile = tiles.first + t, image = tile / (tiles_y_ * tiles_x_);
    // The first output of the tile, which may lie before the border.
    const int64_t y = 2 * (first_y_ + tile / tiles_x_ % tiles_y_ * size) + (job.residue + r) / 2 - problem_.pad_top;
    const int64_t x = 2 * (first_x_ + tile % tiles_x_ * size) + (job.residue + r) % 2 - problem_.pad_left;
    a.top = y < 0, a.left = x < 0;
    a.height = std::min(size, divide_up(out_.h - y, 2)), a.width = std::min(size, divide_up(out_.w - x, 2));
    if (a.height <= a.top || a.width <= a.left) continue;
    a.from = products + r * planes_ * product_plane_ + (j * tuning_.tiles + t) * lanes;
    a.bias = bias + block * lanes;
    const int64_t at = out_.offset(image, block, y + 2 * a.top, x + 2 * a.left);
    a.out = p.out + at;
    a.residual = p.residual == nullptr || after ? nullptr : p.residual + at;
    steps_->two_tap_output[tuning_.size](a);
    const int64_t height = a.height - a.top, width = a.width - a.left;
    if (epilogue_.pass) {
      tiles_->pass({e.activation, e.alpha, e.beta, a.out, after ? p.residual + at : nullptr, height, a.out_row, width,
                    a.out_pixel, 1, 0});
    }
    const int64_t used = std::min(lanes, problem_.channels_out - block * lanes);
    if (epilogue_.moves_zero && used < lanes) {
      for (int64_t i = 0; i < height * width; ++i) {
        float* const pixel = a.out + i / width * a.out_row + i % width * a.out_pixel;
        std::fill(pixel + used, pixel + lanes, 0.0f);
      }
    }
  }
}

void TransposedWinogradConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p,
                                      float* scratch) const {
  if (phase == 0) clear_halo(out_, p.out, part, parts);
  const int64_t inputs_floats = planes_ * input_plane_, products_floats = planes_ * tuning_.residues * product_plane_;
  const auto do_jobs = [&](TileSpan tiles, PartRange range, const float* inputs, float* products) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      const Job job = this->job(i);
      multiply(p.packed, tiles, job, i + 1 == range.end, inputs, products);
      transform_output(p, tiles, job, products);
    }
  };
  if (!tuning_.split_channels) {
    float* const inputs = scratch + part * (inputs_floats + products_floats);
    const auto [begin, end] = part_range(batches_, part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const TileSpan tiles = batch(i);
      transform_input(p.in, tiles, 0, in_blocks_ * tiles.count, inputs);
      do_jobs(tiles, {0, jobs_}, inputs, inputs + inputs_floats);
    }
    return;
  }
  const TileSpan tiles = batch(phase / 2);
  if (phase % 2 == 0) {
    const auto [begin, end] = part_range(in_blocks_ * tiles.count, part, parts);
    transform_input(p.in, tiles, begin, end, scratch);
  } else {
    do_jobs(tiles, part_range(jobs_, part, parts), scratch, scratch + inputs_floats + part * products_floats);
  }
}

}  // namespace kiln
