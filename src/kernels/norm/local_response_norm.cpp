#include "kernels/norm/local_response_norm.hpp"

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

bool LocalResponseNorm::can_do(const LocalResponseProblem& p, Isa isa) {
  const bool power = p.beta == 0.5f || p.beta == 0.75f || p.beta == 1.0f;
  // With a bias above 0 nothing is divided by 0, the padding of channels included.
  return power && p.size >= 1 && p.size / 2 <= block_of(isa) && p.bias > 0 && p.alpha >= 0;
}

LocalResponseNorm::LocalResponseNorm(const LocalResponseProblem& p, const BlockedLayout& in, const BlockedLayout& out,
                                     Isa isa)
    : problem_(p), in_(in), out_(out), isa_(isa), table_(&norm_table(isa)) {
  if (!can_do(p, isa)) {
    fail(ErrorCode::unsupported, "a normalisation over {} channels with power {}, alpha {} and bias {}", p.size, p.beta,
         p.alpha, p.bias);
  }
  check_layout(in, "the input of a normalisation");
  check_layout(out, "the output of a normalisation");
  if (in.n != out.n || in.c != out.c || in.h != out.h || in.w != out.w || in.block != block_of(isa) ||
      out.block != in.block) {
    fail(ErrorCode::invalid_argument,
         "a normalisation from {} x {} x {} x {} in blocks of {} to {} x {} x {} x {} in blocks of {}", in.n, in.c,
         in.h, in.w, in.block, out.n, out.c, out.h, out.w, out.block);
  }
}

std::string LocalResponseNorm::name() const { return fmt::format("norm_f32_local_response_{}", isa_name(isa_)); }

void LocalResponseNorm::run_part(int64_t, int64_t part, int64_t parts, const LocalResponsePointers& p, float*) const {
  clear_halo(out_, p.out, part, parts);
  const int64_t blocks = in_.blocks(), height = in_.h;
  LocalResponseArgs a{};
  a.pixels = in_.w;
  a.reach_before = (problem_.size - 1) / 2, a.reach_after = problem_.size / 2;
  a.alpha = problem_.alpha / static_cast<float>(problem_.size);
  a.bias = problem_.bias;
  a.quarters = static_cast<int>(problem_.beta * 4);
  const auto [begin, end] = part_range(in_.n * blocks * height, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / (blocks * height), block = i / height % blocks, y = i % height;
    a.in = p.in + in_.offset(image, block, y, 0);
    a.before = block > 0 ? a.in - in_.block_stride() : nullptr;
    a.after = block + 1 < blocks ? a.in + in_.block_stride() : nullptr;
    a.out = p.out + out_.offset(image, block, y, 0);
    table_->local_response(a);
  }
}

}  // namespace kiln
