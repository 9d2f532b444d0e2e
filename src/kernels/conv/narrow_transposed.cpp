#include "kernels/conv/narrow_transposed.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

NarrowTransposedConv::NarrowTransposedConv(const ConvProblem& p, const BlockedLayout& in, Isa isa)
    : problem_(p), epilogue_(p.epilogue), tiles_(&tile_table(isa)) {
  check_conv(p, true);
  const bool fits = p.kernel_h == p.stride_h && p.kernel_w == p.stride_w && p.dilation_h == 1 && p.dilation_w == 1 &&
                    p.pad_top == 0 && p.pad_left == 0 && p.pad_bottom == 0 && p.pad_right == 0 && p.output_pad_h == 0 &&
                    p.output_pad_w == 0 && p.group == 1;
  if (!fits || p.epilogue.residual != Residual::none) {
    fail(ErrorCode::unsupported,
         "the narrow transposed convolution needs a kernel as large as the strides, no pads, groups or residual");
  }
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a transposed convolution");
  const int64_t lanes = tiles_->lanes;
  walk_.isa = isa;
  walk_.channels = p.kernel_h * p.channels_out * p.kernel_w;
  walk_.images = p.batch;
  walk_.lines = p.height;
  walk_.width = p.width;
  walk_.tuning.blocks = best_blocks(*tiles_, divide_up(walk_.channels, lanes), p.width);
  walk_.epilogue = epilogue_;
  walk_.epilogue.pass = walk_.epilogue.moves_zero = false;  // both are done to whole output rows
  for (int64_t block = 0; block < in.blocks(); ++block) walk_.depth.offsets.push_back(in.offset(0, block, 0, 0));
  walk_.depth.length = in.block, walk_.depth.groups = p.channels_in / in.block;
  walk_.depth.tail_length = p.channels_in % in.block, walk_.depth.tail_groups = walk_.depth.tail_length != 0;
  walk_.in_image = in.image_stride();
  walk_.in_line = in.row_stride();
  walk_.in_pixel = in.block;
  // Every line goes to the same place in scratch.
  walk_.out_pixel = divide_up(walk_.channels, lanes) * lanes;
  walk_.out_block = lanes;
  walk_.prepare();
  sums_floats_ = p.width * walk_.out_pixel;
  row_floats_ = divide_up(p.width * p.kernel_w, lanes) * lanes;
}

std::string NarrowTransposedConv::name() const {
  return fmt::format("conv_f32_transposed_narrow_{}", isa_name(walk_.isa));
}

void NarrowTransposedConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t outs = problem_.channels_out, kernel_h = problem_.kernel_h, kernel_w = problem_.kernel_w;
  const auto channel_of = [&](int64_t at) { return at / kernel_w % outs; };
  walk_.pack(
      packed,
      [&](const TileDepth&, int64_t k, int64_t first, int64_t count, float* to) {
        for (int64_t at = first; at < first + count; ++at) {
          const int64_t y = at / kernel_w / outs, x = at % kernel_w;
          *to++ = weights[((k * outs + channel_of(at)) * kernel_h + y) * kernel_w + x];
        }
      },
      [&](int64_t at) { return bias == nullptr ? 0.0f : bias[channel_of(at)]; });
}

void NarrowTransposedConv::run_part(int64_t, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  const int64_t outs = problem_.channels_out, kernel_h = problem_.kernel_h, kernel_w = problem_.kernel_w;
  const int64_t width = problem_.width * kernel_w, step = walk_.out_pixel, lanes = tiles_->lanes;
  const Epilogue& e = epilogue_.epilogue;
  float* const sums = scratch + part * (sums_floats_ + row_floats_);
  float* const row = sums + sums_floats_;
  std::fill(row + width, row + row_floats_, 0.0f);
  const auto [begin, end] = part_range(problem_.batch * problem_.height, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / problem_.height, line = i % problem_.height;
    for (int64_t panel = 0; panel < walk_.panel_count(); ++panel) {
      walk_.run_lines(panel, image, line, line + 1, p.in, p.packed, sums, nullptr);
    }
    for (int64_t y = 0; y < kernel_h; ++y) {
      for (int64_t channel = 0; channel < outs; ++channel) {
        const float* from = sums + (y * outs + channel) * kernel_w;
        if (kernel_w == 2) {
          for (int64_t x = 0; x < width; x += 2, from += step) row[x] = from[0], row[x + 1] = from[1];
        } else {
          for (int64_t x = 0; x < width; x += kernel_w, from += step) std::copy(from, from + kernel_w, row + x);
        }
        if (epilogue_.pass) {
          tiles_->pass({e.activation, e.alpha, e.beta, row, nullptr, 1, 0, row_floats_ / lanes, lanes, 1, 0});
        }
        const int64_t to = (image * outs + channel) * problem_.height * kernel_h + line * kernel_h + y;
        std::copy(row, row + width, p.out + to * width);
      }
    }
  }
}

}  // namespace kiln
