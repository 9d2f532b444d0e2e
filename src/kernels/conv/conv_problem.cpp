#include "kernels/conv/conv_problem.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace kiln {

ConvGroups::ConvGroups(const ConvProblem& p, int64_t block_)
    : in(p.channels_in / p.group),
      out(p.channels_out / p.group),
      block(block_),
      wall(p.group == 1 ? divide_up(out, block) : std::lcm(out, block) / block),
      alike(p.group == 1 || out % block == 0 ? divide_up(out, block) : 1),
      channels_out_(p.channels_out) {}

std::vector<ConvGroups::Run> ConvGroups::runs(int64_t first, int64_t count) const {
  const int64_t begin = first / out * in, end = ((first + count - 1) / out + 1) * in;
  std::vector<Run> whole, parts;
  int64_t longest = 0;
  for (int64_t at = begin; at < end;) {
    const int64_t next = std::min(end, (at / block + 1) * block);
    (next - at == block ? whole : parts).push_back({at, next - at});
    if (next - at != block) longest = std::max(longest, next - at);
    at = next;
  }
  for (Run& part : parts) {
    // At the end of its block, or at its beginning.
    const int64_t start = part.first % block;
    part = {part.first - std::max<int64_t>(0, start + longest - block), longest};
  }
  whole.insert(whole.end(), parts.begin(), parts.end());
  return whole;
}

int64_t ConvGroups::products() const {
  int64_t sum = 0;
  for (int64_t first = 0; first < channels_out_; first += alike * block) {
    const int64_t count = std::min(alike * block, channels_out_ - first);
    for (const Run& run : runs(first, count)) sum += run.count * divide_up(count, block) * block;
  }
  return sum;
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
