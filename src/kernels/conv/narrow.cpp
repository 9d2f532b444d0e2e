#include "kernels/conv/narrow.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {
extern const NarrowTable narrow_table_portable, narrow_table_avx2, narrow_table_avx512;

const NarrowTable& narrow_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return narrow_table_avx512;
    case Isa::avx2: return narrow_table_avx2;
    default: return narrow_table_portable;
  }
}

NarrowConv::NarrowConv(const ConvProblem& p, const BlockedLayout& in, Isa isa)
    : problem_(p), in_(in), isa_(isa), epilogue_(p.epilogue), table_(&narrow_table(isa)) {
  check_conv(p, false);
  if (p.group != 1 || p.channels_out > most_outputs || p.epilogue.residual != Residual::none) {
    fail(ErrorCode::unsupported, "the narrow convolution has at most {} output channels, no groups and no residual",
         most_outputs);
  }
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  const int64_t height = p.out_height(), width = p.out_width();
  check_reach(-p.pad_top, (height - 1) * p.stride_h - p.pad_top + p.span_h() - 1, p.height, in.halo.h, "rows");
  check_reach(-p.pad_left, (width - 1) * p.stride_w - p.pad_left + p.span_w() - 1, p.width, in.halo.w, "columns");
  const int64_t origin = in.offset(0, 0, 0, 0);
  for (int64_t block = 0; block < in.blocks(); ++block) {
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      for (int64_t x = 0; x < p.kernel_w; ++x) {
        offsets_.push_back(in.offset(0, block, y * p.dilation_h, x * p.dilation_w) - origin);
      }
    }
  }
  row_floats_ = whole_lines(width);
}

std::string NarrowConv::name() const { return fmt::format("conv_f32_narrow_{}", isa_name(isa_)); }

void NarrowConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t taps = problem_.kernel_h * problem_.kernel_w, ins = problem_.channels_in, lanes = table_->lanes;
  float* to = packed;
  for (int64_t block = 0; block < in_.blocks(); ++block) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t o = 0; o < problem_.channels_out; ++o) {
        for (int64_t i = block * lanes; i < (block + 1) * lanes; ++i) {
          *to++ = i < ins ? weights[(o * ins + i) * taps + tap] : 0.0f;
        }
      }
    }
  }
  for (int64_t o = 0; o < most_outputs; ++o) to[o] = bias != nullptr && o < problem_.channels_out ? bias[o] : 0.0f;
}

/// The epilogue on the sums of a row, and its way out.
void NarrowConv::finish_row(float* row, float bias, float* out) const {
  const float low = epilogue_.low, high = epilogue_.high;
  for (int64_t x = 0; x < row_floats_; ++x) {
    const float sum = row[x] + bias, above = low > sum ? low : sum;
    row[x] = high < above ? high : above;
  }
  if (epilogue_.pass) {
    const TileTable& tiles = tile_table(isa_);
    const Epilogue& e = epilogue_.epilogue;
    tiles.pass({e.activation, e.alpha, e.beta, row, nullptr, 1, 0, row_floats_ / tiles.lanes, tiles.lanes, 1, 0});
  }
  std::copy(row, row + problem_.out_width(), out);
}

void NarrowConv::run_part(int64_t, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  const int64_t outs = problem_.channels_out, height = problem_.out_height(), width = problem_.out_width();
  const int64_t most = table_->pixels[outs], runs = divide_up(width, most);
  const float* const bias = p.packed + weight_floats();
  float* const rows = scratch + part * outs * row_floats_;
  std::fill(rows, rows + outs * row_floats_, 0.0f);
  NarrowArgs a{};
  a.in_step = problem_.stride_w * in_.block;
  a.offsets = offsets_.data(), a.groups = static_cast<int64_t>(offsets_.size());
  a.weights = p.packed;
  a.out_row = row_floats_;
  const auto [begin, end] = part_range(problem_.batch * height, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / height, line = i % height;
    const float* const in =
        p.in + in_.offset(image, 0, line * problem_.stride_h - problem_.pad_top, -problem_.pad_left);
    for (int64_t run = 0; run < runs; ++run) {
      const auto [first, last] = part_range(width, run, runs);
      a.in = in + first * a.in_step;
      a.out = rows + first;
      table_->runs[outs][last - first](a);
    }
    for (int64_t o = 0; o < outs; ++o) {
      finish_row(rows + o * row_floats_, bias[o], p.out + ((image * outs + o) * height + line) * width);
    }
  }
}

}  // namespace kiln
