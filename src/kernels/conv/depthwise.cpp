#include "kernels/conv/depthwise.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/pool/row_sums.hpp"

namespace kiln {

extern const DepthwiseTable depthwise_table_portable, depthwise_table_avx2, depthwise_table_avx512;

const DepthwiseTable& depthwise_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return depthwise_table_avx512;
    case Isa::avx2: return depthwise_table_avx2;
    default: return depthwise_table_portable;
  }
}

namespace {

/// How much of an epilogue the functions do; what is no clamp is left to a pass otherwise.
DepthwiseFinish finish_in_registers(const Epilogue& e) {
  if (e.residual == Residual::after_activation) return DepthwiseFinish::clamp;
  switch (e.activation) {
    case Activation::hard_swish:
    case Activation::scaled_hard_swish: return DepthwiseFinish::hard_swish;
    case Activation::silu: return DepthwiseFinish::silu;
    default: return DepthwiseFinish::clamp;
  }
}

}  // namespace

DepthwiseConv::DepthwiseConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                             int64_t rows)
    : problem_(p), in_(in), out_(out), isa_(isa), epilogue_(p.epilogue) {
  check_conv(p, false);
  if (p.group != p.channels_in || p.group != p.channels_out) {
    fail(ErrorCode::unsupported, "{} groups of {} input and {} output channels are no depthwise convolution", p.group,
         p.channels_in, p.channels_out);
  }
  const int64_t height = p.out_height(), width = p.out_width();
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  check_conv_layout(out, p.batch, p.channels_out, height, width, isa, "the output of a convolution");
  check_reach(-p.pad_top, (height - 1) * p.stride_h - p.pad_top + p.span_h() - 1, p.height, in.halo.h, "rows");
  check_reach(-p.pad_left, (width - 1) * p.stride_w - p.pad_left + p.span_w() - 1, p.width, in.halo.w, "columns");
  // Convolutions before and after small maps have much weights, which the threads share out by channels.
  constexpr int64_t large_map = 14;
  share_ = p.height >= large_map ? Share::rows : Share::blocks;
  const DepthwiseTable& table = depthwise_table(isa);
  rows_ = rows < 1 ? table.rows : std::min<int64_t>(rows, table.rows);
  const bool square = p.kernel_h == p.kernel_w && (p.kernel_w == 3 || p.kernel_w == 5 || p.kernel_w == 7) &&
                      p.dilation_h == 1 && p.dilation_w == 1 && p.stride_w <= 2;
  const DepthwiseFinish finish = finish_in_registers(p.epilogue);
  pass_ = epilogue_.pass && finish == DepthwiseFinish::clamp;
  const auto kind = static_cast<size_t>(finish);
  functions_ = square ? table.square[kind][(p.kernel_w - 3) / 2][p.stride_w - 1] : table.any[kind];
  for (int64_t y = 0; y < p.kernel_h; ++y) {
    for (int64_t x = 0; x < p.kernel_w; ++x) {
      taps_.push_back(y * p.dilation_h * in.row_stride() + x * p.dilation_w * in.block);
    }
  }
}

std::string DepthwiseConv::name() const { return fmt::format("conv_f32_depthwise_{}", isa_name(isa_)); }

// [block][tap][lanes], then the bias.
void DepthwiseConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t taps = problem_.kernel_h * problem_.kernel_w, lanes = out_.block, channels = problem_.channels_out;
  std::fill(packed, packed + packed_floats(), 0.0f);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      packed[(c / lanes * taps + tap) * lanes + c % lanes] = weights[c * taps + tap];
    }
  }
  if (bias != nullptr) std::copy(bias, bias + channels, packed + out_.blocks() * taps * lanes);
}

bool DepthwiseConv::can_have_mean(const Epilogue& e) {
  return !EpiloguePlan(e).pass || finish_in_registers(e) != DepthwiseFinish::clamp;
}

void DepthwiseConv::add_mean(const BlockedLayout& mean) {
  if (pass_) fail(ErrorCode::unsupported, "means of a depthwise convolution with an epilogue that takes a pass");
  check_conv_layout(mean, out_.n, out_.c, 1, 1, isa_, "the means of a convolution");
  mean_ = mean;
  has_mean_ = true;
}

void DepthwiseConv::add_row_sums() {
  if (pass_) fail(ErrorCode::unsupported, "sums of a depthwise convolution with an epilogue that takes a pass");
  has_sums_ = true;
}

void DepthwiseConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  if (phase == 1) return write_means(part, parts, scratch, p.mean);
  float* const sums = has_mean_ ? scratch : has_sums_ ? p.mean : nullptr;
  clear_halo(out_, p.out, part, parts, share_);
  const int64_t blocks = out_.blocks(), count = problem_.batch * out_.h;
  const auto [begin, end] = part_range(count * blocks, part, parts);
  if (share_ == Share::rows) {
    // Of the line in which a part begins, the part before has done the first blocks.
    for (int64_t block = 0; block < blocks; ++block) {
      run_lines(block, begin / blocks + (block < begin % blocks), end / blocks + (block < end % blocks), p, sums);
    }
    return;
  }
  for (int64_t i = begin; i < end;) {
    const int64_t block = i / count, last = std::min(end, (block + 1) * count);
    run_lines(block, i - block * count, last - block * count, p, sums);
    i = last;
  }
}

void DepthwiseConv::write_means(int64_t part, int64_t parts, const float* sums, float* mean) const {
  clear_halo(mean_, mean, part, parts);
  const int64_t blocks = out_.blocks();
  const auto [begin, end] = part_range(out_.n * blocks, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / blocks, block = i % blocks;
    const RowSums all{sums + image * out_.h * row_sums_stride(out_), 0, out_.h};
    write_mean_block(out_, &all, 1, block, mean + mean_.offset(image, block, 0, 0));
  }
}

/// Lines [begin, end) of a block, counted through all images.
void DepthwiseConv::run_lines(int64_t block, int64_t begin, int64_t end, const ConvPointers& p, float* sums) const {
  const int64_t lanes = out_.block, blocks = out_.blocks(), height = out_.h, width = out_.w;
  const int64_t tap_count = static_cast<int64_t>(taps_.size()), runs = divide_up(width, rows_);
  const Epilogue& e = epilogue_.epilogue;
  const bool after = e.residual == Residual::after_activation;
  const TileTable& tiles = tile_table(isa_);
  DepthwiseArgs a{};
  a.in_row = in_.row_stride();
  a.in_step = problem_.stride_w * lanes;
  a.taps = taps_.data();
  a.tap_count = tap_count;
  a.low = epilogue_.low, a.high = epilogue_.high;
  const bool plain = e.activation == Activation::hard_swish;
  a.alpha = plain ? 1 : e.alpha, a.beta = plain ? 0 : e.beta;
  a.weights = p.packed + block * tap_count * lanes;
  a.bias = p.packed + (blocks * tap_count + block) * lanes;
  for (int64_t line = begin; line < end; ++line) {
    const int64_t image = line / height, y = line % height;
    const int64_t out_at = out_.offset(image, block, y, 0);
    a.total = sums == nullptr ? nullptr : sums + (line * blocks + block) * lanes;
    if (sums != nullptr) std::fill(a.total, a.total + lanes, 0.0f);
    const float* const in =
        p.in + in_.offset(image, block, y * problem_.stride_h - problem_.pad_top, -problem_.pad_left);
    for (int64_t run = 0, x = 0; run < runs; ++run) {
      const int64_t pixels = divide_up(width - x, runs - run);
      a.in = in + x * a.in_step;
      a.out = p.out + out_at + x * lanes;
      a.residual = p.residual == nullptr || after ? nullptr : p.residual + out_at + x * lanes;
      functions_[pixels](a);
      x += pixels;
    }
    if (pass_) {
      tiles.pass({e.activation, e.alpha, e.beta, p.out + out_at, after ? p.residual + out_at : nullptr, 1, 0, width,
                  lanes, 1, 0});
    }
    const int64_t used = std::min(lanes, problem_.channels_out - block * lanes);
    if (epilogue_.moves_zero && used < lanes) {
      for (float* pixel = p.out + out_at; pixel != p.out + out_at + width * lanes; pixel += lanes) {
        std::fill(pixel + used, pixel + lanes, 0.0f);
      }
    }
  }
}

}  // namespace kiln
