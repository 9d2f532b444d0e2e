#include "kernels/conv/paired_conv.hpp"

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

bool PairedConv::can_do(const ConvProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.group == 1 && p.pad_top == 0 && p.pad_left == 0 && p.pad_bottom == 0 &&
         p.pad_right == 0 && PairedWalk::can_do(p.channels_out, p.channels_in);
}

PairedConv::PairedConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                       const TileTuning& tuning)
    : out_(out) {
  check_conv(p, false);
  if (!can_do(p)) fail(ErrorCode::unsupported, "no 1 x 1 convolution of many channels");
  const int64_t height = p.out_height(), width = p.out_width();
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  check_conv_layout(out, p.batch, p.channels_out, height, width, isa, "the output of a convolution");
  walk_.isa = isa;
  walk_.tuning = tuning;
  walk_.epilogue = EpiloguePlan(p.epilogue);
  walk_.images = p.batch, walk_.lines = height, walk_.width = width;
  walk_.columns = p.channels_out, walk_.depth = p.channels_in;
  walk_.in_image = in.image_stride(), walk_.in_line = p.stride_h * in.row_stride();
  walk_.in_pixel = p.stride_w * in.block;
  walk_.in_run = in.block, walk_.in_block = in.block_stride();
  walk_.in_first = in.offset(0, 0, 0, 0);
  walk_.out_image = out.image_stride(), walk_.out_line = out.row_stride();
  walk_.out_pixel = out.block, walk_.out_block = out.block_stride();
  if (p.stride_h == 1 && p.stride_w == 1 && in.halo.w == 0 && out.halo.w == 0) {
    // All pixels of an image lie in a row.
    walk_.lines = 1, walk_.width = height * width;
  }
  walk_.prepare();
}

std::string PairedConv::name() const { return fmt::format("conv_f32_paired_{}", isa_name(walk_.isa)); }

void PairedConv::pack(const float* weights, const float* bias, float* packed) const {
  walk_.pack(weights, 1, walk_.depth, bias, packed);
}

void PairedConv::run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const {
  const int64_t first = out_.offset(0, 0, 0, 0);
  if (phase + 1 == phases()) clear_halo(out_, p.out, part, parts, Share::rows);
  walk_.run_part(phase, part, parts,
                 {p.in, p.packed, p.out + first, p.residual == nullptr ? nullptr : p.residual + first}, scratch);
}

}  // namespace kiln
