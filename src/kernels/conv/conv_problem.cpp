#include "kernels/conv/conv_problem.hpp"

#include <numeric>

#include "base/error.hpp"

namespace kiln {

GroupGathering::GroupGathering(const ConvProblem& p, int64_t block)
    : group_in(p.channels_in / p.group), group_out(p.channels_out / p.group) {
  const int64_t together = std::lcm(block / std::gcd(block, group_in), block / std::gcd(block, group_out));
  const int64_t groups = p.group % together == 0 ? together : p.group;
  sections = p.group / groups;
  channels_in = group_in * groups;
  channels_out = group_out * groups;
}

void check_conv(const ConvProblem& p, bool transposed) {
  constexpr int64_t most = int64_t{1} << 31;
  for (const int64_t value : {p.batch, p.channels_in, p.channels_out, p.group, p.height, p.width, p.kernel_h,
                              p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) {
    if (value < 1 || value > most) fail(ErrorCode::invalid_argument, "a convolution has a size of {}", value);
  }
  for (const int64_t pad : {p.pad_top, p.pad_left, p.pad_bottom, p.pad_right, p.output_pad_h, p.output_pad_w}) {
    if (pad < 0 || pad > most) fail(ErrorCode::unsupported, "a convolution has a pad of {}", pad);
  }
  if (p.channels_in % p.group != 0 || p.channels_out % p.group != 0) {
    fail(ErrorCode::invalid_argument, "{} input and {} output channels cannot be split into {} groups", p.channels_in,
         p.channels_out, p.group);
  }
  const bool fits = transposed ? p.transposed_height() >= 1 && p.transposed_width() >= 1
                               : p.height + p.pad_top + p.pad_bottom >= p.span_h() &&
                                     p.width + p.pad_left + p.pad_right >= p.span_w();
  if (!fits) fail(ErrorCode::invalid_argument, "a convolution of {} x {} has no output", p.height, p.width);
}

void check_conv_layout(const BlockedLayout& layout, int64_t n, int64_t c, int64_t h, int64_t w, Isa isa,
                       const char* what) {
  check_layout(layout, what);
  if (layout.n != n || layout.c != c || layout.h != h || layout.w != w || layout.block != block_of(isa)) {
    fail(ErrorCode::invalid_argument,
         "{} is laid out as {} x {} x {} x {} in blocks of {}, expected {} x {} x {} x {} "
         "in blocks of {}",
         what, layout.n, layout.c, layout.h, layout.w, layout.block, n, c, h, w, block_of(isa));
  }
}

void check_reach(int64_t first, int64_t last, int64_t size, int64_t halo, const char* side) {
  if (first < -halo || last >= size + halo) {
    fail(ErrorCode::unsupported, "a convolution reads {} {} to {} of {}, but the halo is only {}", side, first, last,
         size, halo);
  }
}

}  // namespace kiln
