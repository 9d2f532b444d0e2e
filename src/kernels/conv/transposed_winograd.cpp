#include "kernels/conv/transposed_winograd.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/winograd_matrices.hpp"

namespace kiln {
namespace {

constexpr int64_t residues = 4;

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
      table_(&tile_table(isa)),
      steps_(&winograd_table(isa)),
      tiles_(1, 1, 1, 1, 1) {
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
  tuning_.split_channels |= tuning_.fresh_weights;
  const auto tiles_of = [&](int64_t pixels, int64_t pad, int64_t first) {
    return divide_up((pixels - 1 + pad) / 2 - first + 1, tuning.size);
  };
  tiles_ = WinogradTiles(p.batch, tiles_of(height, p.pad_top, first_y_), tiles_of(width, p.pad_left, first_x_),
                         tuning.tiles, tuning_.split_channels ? 1 : parts);
  const int64_t lanes = in.block;
  in_blocks_ = in.blocks();
  out_blocks_ = out.blocks();
  tuning_.blocks =
      static_cast<int>(std::clamp<int64_t>(tuning.blocks, 1, std::min<int64_t>(out_blocks_, table_->blocks)));
  jobs_ = divide_up(out_blocks_, tuning_.blocks) * (residues / tuning_.residues);
  // The fresh weights of a chunk should leave most of L2 to what they are multiplied by.
  const int64_t wide = tuning_.blocks * lanes, fresh_block = tuning_.residues * planes_ * wide * lanes * 4;
  chunk_blocks_ = std::clamp<int64_t>(cache_sizes().l2 * 2 / 5 / fresh_block, 1, in_blocks_);
  chunk_blocks_ = divide_up(in_blocks_, divide_up(in_blocks_, chunk_blocks_));
  // A line of 64 bytes more, so that the planes do not fall on the same cache sets.
  input_plane_ = in_blocks_ * tiles_.largest * lanes + 16;
  product_plane_ = tuning_.blocks * tiles_.largest * lanes + 16;
  fresh_plane_ = chunk_blocks_ * lanes * wide + 16;
  for (int64_t i = 0; i < in_blocks_; ++i) offsets_.push_back(i * tiles_.largest * lanes);
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

int64_t TransposedWinogradConv::biases_at() const {
  const int64_t kept = tuning_.fresh_weights ? 4 : planes_;
  return residues * kept * problem_.channels_in * out_blocks_ * out_.block;
}

int64_t TransposedWinogradConv::packed_floats() const { return biases_at() + out_blocks_ * out_.block; }

TransposedWinogradConv::Job TransposedWinogradConv::job(int64_t index) const {
  const int64_t shares = residues / tuning_.residues, block = index / shares * tuning_.blocks;
  const int64_t blocks = std::min<int64_t>(tuning_.blocks, out_blocks_ - block);
  const int64_t residue = index % shares * tuning_.residues;
  const int64_t plane = problem_.channels_in * (tuning_.fresh_weights ? 4 : planes_) * out_.block;
  const bool half = (block + blocks) * out_.block - problem_.channels_out >= out_.block / 2;
  return {block, blocks, residue, (block * residues + residue * blocks) * plane, half};
}

// U [job][plane][residue of the job][input channel][blocks * lanes], or fresh ones [job][input channel][residue][tap]
// [blocks * lanes]; then the bias.
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
      for (int64_t tap = 0; tap < (tuning_.fresh_weights ? 4 : 0); ++tap) {
        const double* const from = taps[tap / 2][tap % 2];
        float* const to = packed + job.weights + ((in * tuning_.residues + r) * 4 + tap) * wide + block * lanes;
        std::transform(from, from + lanes, to, [](double tap_value) { return static_cast<float>(tap_value); });
      }
      for (int64_t t = 0; t < (tuning_.fresh_weights ? 0 : planes_); ++t) {
        float* const to = packed + job.weights + ((t * tuning_.residues + r) * ins + in) * wide + block * lanes;
        transform(taps, t / edge_, t % edge_, to);
      }
    }
  }
  float* const biases = packed + biases_at();
  std::fill(biases, packed + packed_floats(), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + outs, biases);
}

int64_t TransposedWinogradConv::scratch_floats(int64_t parts) const {
  const int64_t fresh = tuning_.fresh_weights ? planes_ * fresh_plane_ : 0;
  return planes_ * input_plane_ * (tuning_.split_channels ? 1 : parts) +
         tuning_.residues * (planes_ * product_plane_ + fresh) * parts;
}

/// Of the tiles of all channel blocks, those from index0 to index1.
void TransposedWinogradConv::transform_input(const float* in, Span tiles, int64_t index0, int64_t index1,
                                             float* inputs) const {
  const int64_t lanes = in_.block;
  const WinogradTable::Input transform = steps_->input[0][tuning_.size - 1];
  alignas(64) float copy[WinogradPixels::copy_floats];
  for (int64_t index = index0; index < index1; ++index) {
    const int64_t block = index / tiles.count, t = index % tiles.count;
    const auto [image, row, column] = tiles_.place(tiles.first + t);
    const int64_t y = first_y_ + row * tuning_.size - 1, x = first_x_ + column * tuning_.size - 1;
    const WinogradPixels pixels = winograd_pixels(in_, in, image, block, y, x, edge_, copy);
    transform(pixels.from, pixels.row, inputs + (block * tiles_.largest + t) * lanes, input_plane_);
  }
}

void TransposedWinogradConv::multiply(const float* packed, Span tiles, const Job& job, bool last, const float* inputs,
                                      float* products) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, floats = ins * job.blocks * lanes;
  TileArgs a = winograd_products(lanes, ins, tiles_.largest);
  a.offsets = offsets_.data();
  a.weights = packed + job.weights;
  const int64_t runs = divide_up(tiles.count, table_->rows[job.blocks]);
  for (int64_t i = 0; i < planes_ * tuning_.residues; ++i, a.weights += floats) {
    const int64_t t = i / tuning_.residues, r = i % tuning_.residues;
    const bool ends = last && i + 1 == planes_ * tuning_.residues;
    a.prefetch = reinterpret_cast<const char*>(a.weights + floats);
    a.prefetch_lines = tuning_.prefetch_weights && !ends ? divide_up(floats, 16 * runs * in_blocks_) : 0;
    multiply_winograd_tiles(*table_, a, job.blocks, job.half, tiles.count, inputs + t * input_plane_,
                            products + (r * planes_ + t) * product_plane_);
  }
}

/// Transforms the weights of a job, a chunk of input channels at a time, and multiplies by them.
void TransposedWinogradConv::multiply_fresh(const float* packed, Span tiles, const Job& job, bool last,
                                            const float* inputs, float* fresh, float* products) const {
  const int64_t lanes = out_.block, ins = problem_.channels_in, wide = job.blocks * lanes, count = tuning_.residues;
  const WinogradTable::Weights transform = steps_->two_tap_weights[tuning_.size];
  const float* weights = packed + job.weights;
  const float* const end = last ? weights + ins * count * 4 * wide : packed + biases_at();
  for (int64_t first = 0; first < in_blocks_; first += chunk_blocks_) {
    const int64_t groups = std::min(chunk_blocks_, in_blocks_ - first);
    const int64_t channels = std::min(ins - first * lanes, groups * lanes);
    for (int64_t i = 0; i < channels * count; ++i, weights += 4 * wide) {
      float* const to = fresh + i % count * planes_ * fresh_plane_ + i / count * wide;
      for (int64_t j = 0; j < wide; j += lanes) transform(weights + j, wide, to + j, fresh_plane_);
    }
    TileArgs a = winograd_products(lanes, channels, tiles_.largest);
    a.offsets = offsets_.data();
    // Sums go on from those of the chunk before.
    a.residual = first > 0 ? products : nullptr;
    // While this chunk is multiplied, the inputs of the next plane and a share of the next chunk's weights are fetched.
    const int64_t calls = divide_up(tiles.count, table_->rows[job.blocks]) * groups * count;
    a.prefetch_lines = divide_up(groups * tiles_.largest * lanes, 16 * calls);
    const int64_t weight_lines = divide_up(chunk_blocks_ * lanes * 4 * wide, 16 * planes_);
    const float* const from = inputs + first * tiles_.largest * lanes;
    const float* ahead = weights;
    for (int64_t t = 0; t < planes_; ++t) {
      a.prefetch = reinterpret_cast<const char*>(from + (t + 1 < planes_ ? t + 1 : 0) * input_plane_);
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t j = 0; j < weight_lines && ahead < end; ++j, ahead += 16) __builtin_prefetch(ahead, 0, 2);
        a.weights = fresh + (r * planes_ + t) * fresh_plane_;
        multiply_winograd_tiles(*table_, a, job.blocks, job.half, tiles.count, from + t * input_plane_,
                                products + (r * planes_ + t) * product_plane_);
      }
    }
  }
}

void TransposedWinogradConv::transform_output(const ConvPointers& p, Span tiles, const Job& job,
                                              const float* products) const {
  const int64_t lanes = out_.block, size = tuning_.size;
  const float* const bias = p.packed + biases_at();
  const bool after = epilogue_.epilogue.residual == Residual::after_activation;
  WinogradTable::OutputArgs a{};
  a.plane = product_plane_;
  a.out_row = 2 * out_.row_stride();
  a.out_pixel = 2 * lanes;
  a.low = epilogue_.low, a.high = epilogue_.high;
  for (int64_t index = 0; index < job.blocks * tiles.count * tuning_.residues; ++index) {
    const int64_t j = index / (tiles.count * tuning_.residues), block = job.block + j;
    const int64_t t = index / tuning_.residues % tiles.count, r = index % tuning_.residues;
    const auto [image, row, column] = tiles_.place(tiles.first + t);
    // The first output of the tile, which may lie before the border.
    const int64_t y = 2 * (first_y_ + row * size) + (job.residue + r) / 2 - problem_.pad_top;
    const int64_t x = 2 * (first_x_ + column * size) + (job.residue + r) % 2 - problem_.pad_left;
    a.top = y < 0, a.left = x < 0;
    a.height = std::min(size, divide_up(out_.h - y, 2)), a.width = std::min(size, divide_up(out_.w - x, 2));
    if (a.height <= a.top || a.width <= a.left) continue;
    a.from = products + r * planes_ * product_plane_ + (j * tiles_.largest + t) * lanes;
    a.bias = bias + block * lanes;
    const int64_t at = out_.offset(image, block, y + 2 * a.top, x + 2 * a.left);
    a.out = p.out + at;
    a.residual = p.residual == nullptr || after ? nullptr : p.residual + at;
    steps_->two_tap_output[tuning_.size](a);
    TilePassArgs rest{};
    rest.out = a.out, rest.residual = after ? p.residual + at : nullptr;
    rest.lines = a.height - a.top, rest.line_step = a.out_row;
    rest.pixels = a.width - a.left, rest.pixel_step = a.out_pixel;
    finish_winograd_pixels(*table_, epilogue_, rest, std::min(lanes, problem_.channels_out - block * lanes));
  }
}

void TransposedWinogradConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p,
                                      float* scratch) const {
  if (phase == 0) clear_halo(out_, p.out, part, parts);
  const int64_t inputs_floats = planes_ * input_plane_, products_floats = planes_ * tuning_.residues * product_plane_;
  const int64_t fresh_floats = tuning_.fresh_weights ? planes_ * tuning_.residues * fresh_plane_ : 0;
  const int64_t own_floats = products_floats + fresh_floats;
  const auto do_jobs = [&](Span tiles, PartRange range, const float* inputs, float* products) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      const Job job = this->job(i);
      const bool last = i + 1 == range.end;
      if (tuning_.fresh_weights) {
        multiply_fresh(p.packed, tiles, job, last, inputs, products + products_floats, products);
      } else {
        multiply(p.packed, tiles, job, last, inputs, products);
      }
      transform_output(p, tiles, job, products);
    }
  };
  if (!tuning_.split_channels) {
    float* const inputs = scratch + part * (inputs_floats + products_floats);
    const auto [begin, end] = part_range(tiles_.batches, part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const Span tiles = tiles_.batch(i);
      transform_input(p.in, tiles, 0, in_blocks_ * tiles.count, inputs);
      do_jobs(tiles, {0, jobs_}, inputs, inputs + inputs_floats);
    }
    return;
  }
  const Span tiles = tiles_.batch(phase / 2);
  if (phase % 2 == 0) {
    const auto [begin, end] = part_range(in_blocks_ * tiles.count, part, parts);
    transform_input(p.in, tiles, begin, end, scratch);
  } else {
    do_jobs(tiles, part_range(jobs_, part, parts), scratch, scratch + inputs_floats + part * own_floats);
  }
}

}  // namespace kiln
