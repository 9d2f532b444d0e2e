#include "kernels/conv/first.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

FirstConv::FirstConv(const ConvProblem& p, const BlockedLayout& out, Isa isa, const TileTuning& tuning, int64_t plane)
    : problem_(p), out_(out), plane_(plane != 0 ? plane : p.height * p.width) {
  check_conv(p, false);
  if (p.group != 1) fail(ErrorCode::unsupported, "the kernel for first layers knows no groups, here {}", p.group);
  check_conv_layout(out, p.batch, p.channels_out, p.out_height(), p.out_width(), isa, "the output of a convolution");
  walk_.isa = isa;
  walk_.tuning = tuning;
  walk_.tuning.two_lines = false;
  walk_.tuning.band = std::clamp<int64_t>(tuning.band, 1, p.out_height());
  band_rows_ = (walk_.tuning.band - 1) * p.stride_h + p.span_h();
  row_ = (p.width + p.pad_left + p.pad_right + 15) / 16 * 16;
  for (int64_t channel = 0; channel < p.channels_in; ++channel) {
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      const int64_t at = (channel * band_rows_ + y * p.dilation_h) * row_;
      if (p.dilation_w == 1) {
        walk_.depth.offsets.push_back(at);
      } else {
        for (int64_t x = 0; x < p.kernel_w; ++x) walk_.depth.offsets.push_back(at + x * p.dilation_w);
      }
    }
  }
  walk_.depth.groups = static_cast<int64_t>(walk_.depth.offsets.size());
  walk_.depth.length = p.dilation_w == 1 ? p.kernel_w : 1;
  walk_.epilogue = EpiloguePlan(p.epilogue);
  walk_.images = p.batch;
  walk_.lines = p.out_height();
  walk_.width = p.out_width();
  walk_.channels = p.channels_out;
  walk_.in_line = p.stride_h * row_;
  walk_.in_pixel = p.stride_w;
  walk_.out_image = out.image_stride();
  walk_.out_line = out.row_stride();
  walk_.out_pixel = out.block;
  walk_.out_block = out.block_stride();
  walk_.prepare();
}

TileTuning FirstConv::default_tuning(const ConvProblem& p, Isa isa) {
  TileTuning t;
  t.blocks = static_cast<int>(std::min<int64_t>(4, divide_up(p.channels_out, block_of(isa))));
  t.rows = short_rows(t.blocks);
  t.band = 8;
  return t;
}

std::string FirstConv::name() const { return fmt::format("conv_f32_first_{}", isa_name(walk_.isa)); }

void FirstConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t row = walk_.depth.floats();
  walk_.pack(
      packed,
      [&](const TileDepth&, int64_t k, int64_t first, int64_t count, float* to) {
        for (int64_t c = 0; c < count; ++c) to[c] = weights[(first + c) * row + k];
      },
      [&](int64_t channel) { return bias == nullptr ? 0.0f : bias[channel]; });
}

/// The input rows of output lines [line0, line0 + lines), with pads: [channel][band_rows_][row_].
void FirstConv::copy_band(const float* image, int64_t line0, int64_t lines, float* to) const {
  const ConvProblem& p = problem_;
  const int64_t rows = (lines - 1) * p.stride_h + p.span_h(), first = line0 * p.stride_h - p.pad_top;
  for (int64_t channel = 0; channel < p.channels_in; ++channel) {
    for (int64_t i = 0; i < rows; ++i) {
      float* const row = to + (channel * band_rows_ + i) * row_;
      const int64_t y = first + i;
      if (y < 0 || y >= p.height) {
        std::memset(row, 0, static_cast<size_t>(row_) * sizeof(float));
        continue;
      }
      const float* const from = image + channel * plane_ + y * p.width;
      std::fill(row, row + p.pad_left, 0.0f);
      std::memcpy(row + p.pad_left, from, static_cast<size_t>(p.width) * sizeof(float));
      std::fill(row + p.pad_left + p.width, row + row_, 0.0f);
    }
  }
}

/// A share of what output lines [line0, line1) read below those before them; no share goes beyond a channel.
FetchAhead FirstConv::share_of_rows(const float* image, int64_t line0, int64_t line1, int64_t share,
                                    int64_t shares) const {
  const ConvProblem& p = problem_;
  const int64_t below = p.span_h() - p.stride_h - p.pad_top;
  const int64_t row0 = std::clamp<int64_t>(line0 * p.stride_h + below, 0, p.height);
  const int64_t row1 = std::clamp<int64_t>(line1 * p.stride_h + below, row0, p.height), rows = row1 - row0;
  if (rows == 0) return {};
  const auto [begin, end] = part_range(rows * p.channels_in, share, shares);
  const int64_t channel = begin / rows, count = std::min(end, (channel + 1) * rows) - begin;
  return {image + channel * plane_ + (row0 + begin % rows) * p.width, count * p.width};
}

void FirstConv::run_part(int64_t, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  clear_halo(out_, p.out, part, parts, Share::rows);
  float* const band = scratch + part * problem_.channels_in * band_rows_ * row_;
  const int64_t bands = divide_up(walk_.lines, walk_.tuning.band), first = out_.offset(0, 0, 0, 0);
  const auto [begin, end] = part_range(bands * problem_.batch, part, parts);
  const auto last_line = [&](int64_t line0) { return std::min(walk_.lines, line0 + walk_.tuning.band); };
  for (int64_t i = begin; i < end; ++i) {
    const int64_t line0 = i % bands * walk_.tuning.band, line1 = last_line(line0), count = line1 - line0;
    const int64_t image = i / bands;
    const float* const from = p.in + image * problem_.channels_in * plane_;
    copy_band(from, line0, count, band);
    // The next band's rows come into L2 while this one is computed.
    const int64_t next = i + 1 < end ? last_line(line1) : line1;
    for (int64_t panel = 0; panel < walk_.panel_count(); ++panel) {
      for (int64_t line = line0; line < line1; ++line) {
        const int64_t share = panel * count + line - line0;
        walk_.run_lines(panel, image, line, line + 1, band - line0 * walk_.in_line, p.packed, p.out + first,
                        p.residual == nullptr ? nullptr : p.residual + first,
                        share_of_rows(from, line1, next, share, count * walk_.panel_count()));
      }
    }
  }
}

}  // namespace kiln
