#include "kernels/pool/pool.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/pool/row_sums.hpp"

namespace kiln {

extern const PoolTable pool_table_portable, pool_table_avx2, pool_table_avx512;

const PoolTable& pool_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return pool_table_avx512;
    case Isa::avx2: return pool_table_avx2;
    default: return pool_table_portable;
  }
}

namespace {

void check_pool_layouts(const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
  check_layout(in, "the input of a pooling");
  check_layout(out, "the output of a pooling");
  if (in.n != out.n || in.c != out.c || in.block != block_of(isa) || out.block != block_of(isa)) {
    fail(ErrorCode::invalid_argument,
         "pooling from {} images of {} channels in blocks of {} to {} images of {} channels in blocks of {}", in.n,
         in.c, in.block, out.n, out.c, out.block);
  }
}

PoolRowFunction row_function(const PoolFunctions& functions, const PoolProblem& p) {
  if (p.dilation_w != 1) return nullptr;
  if (p.kernel_w == 2 && p.stride_w == 2) return functions.k2s2;
  if (p.kernel_w == 3 && p.stride_w == 1) return functions.k3s1;
  if (p.kernel_w == 3 && p.stride_w == 2) return functions.k3s2;
  if (p.kernel_w == 5 && p.stride_w == 1) return functions.k5s1;
  return nullptr;
}

}  // namespace

Pool::Pool(const PoolProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa)
    : problem_(p), in_(in), out_(out), isa_(isa) {
  check_pool_layouts(in, out, isa);
  constexpr int64_t most = int64_t{1} << 31;
  for (const int64_t value : {p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) {
    if (value < 1 || value > most) fail(ErrorCode::invalid_argument, "a pooling has a size of {}", value);
  }
  for (const int64_t pad : {p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}) {
    if (pad < 0 || pad > most) fail(ErrorCode::unsupported, "a pooling has a pad of {}", pad);
  }
  rows_ = spans(out.h, p.kernel_h, p.stride_h, p.dilation_h, p.pad_top, p.pad_bottom, in.h);
  columns_ = spans(out.w, p.kernel_w, p.stride_w, p.dilation_w, p.pad_left, p.pad_right, in.w);
  const auto inside = [&](const Span& span) { return span.count == p.kernel_w; };
  const auto begin = std::find_if(columns_.begin(), columns_.end(), inside);
  inner_begin_ = begin - columns_.begin();
  inner_end_ = std::find_if_not(begin, columns_.end(), inside) - columns_.begin();
  const PoolTable& table = pool_table(isa);
  const PoolFunctions& functions = p.kind == PoolKind::max ? table.max : table.sum;
  any_ = functions.any;
  const bool all_cover = std::all_of(columns_.begin(), columns_.end(), [](const Span& span) { return span.count > 0; });
  if (all_cover) whole_row_ = row_function(functions, p);
  for (const Span& span : columns_) factors_.push_back(share_of(span));
}

std::vector<Pool::Span> Pool::spans(int64_t windows, int64_t kernel, int64_t stride, int64_t dilation,
                                    int64_t pad_begin, int64_t pad_end, int64_t size) {
  std::vector<Span> result;
  for (int64_t i = 0; i < windows; ++i) {
    const int64_t start = i * stride - pad_begin;
    const auto taps_before = [&](int64_t end) {
      return end <= start ? 0 : std::min(kernel, divide_up(end - start, dilation));
    };
    const int64_t skipped = taps_before(0);
    result.push_back(
        {start + skipped * dilation, std::max<int64_t>(0, taps_before(size) - skipped), taps_before(size + pad_end)});
  }
  return result;
}

std::string Pool::name() const {
  const bool is_max = problem_.kind == PoolKind::max;
  return fmt::format("pool_f32_{}{}x{}s{}_{}", is_max ? "max" : "mean", problem_.kernel_h, problem_.kernel_w,
                     problem_.stride_w, isa_name(isa_));
}

void Pool::run_part(int64_t, int64_t part, int64_t parts, const PoolPointers& p, float*) const {
  clear_halo(out_, p.out, part, parts);
  const int64_t blocks = out_.blocks(), height = out_.h;
  const auto [begin, end] = part_range(out_.n * blocks * height, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / (blocks * height), block = i / height % blocks, y = i % height;
    run_row(p.in + in_.offset(image, block, 0, 0), p.out + out_.offset(image, block, y, 0),
            rows_[static_cast<size_t>(y)], std::min(out_.block, out_.c - block * out_.block));
  }
}

// What a sum is multiplied with along one axis.
float Pool::share_of(const Span& span) const {
  const int64_t taps = problem_.count_include_pad ? span.padded : span.count;
  return taps > 0 ? 1 / static_cast<float>(taps) : 0.0f;
}

void Pool::run_row(const float* in, float* out, const Span& row, int64_t used) const {
  if (whole_row_ != nullptr && row.count > 0) return run_whole_row(in, out, row, used);
  for (int64_t x = 0; x < inner_begin_; ++x) run_pixels(in, out, row, x, x + 1, used);
  if (inner_begin_ < inner_end_) run_pixels(in, out, row, inner_begin_, inner_end_, used);
  for (int64_t x = inner_end_; x < out_.w; ++x) run_pixels(in, out, row, x, x + 1, used);
}

void Pool::run_whole_row(const float* in, float* out, const Span& row, int64_t used) const {
  const float least = whole_row_({in + row.first * in_.row_stride(), row.count, problem_.dilation_h * in_.row_stride(),
                                  in_.w, -problem_.pad_left, out, out_.w, share_of(row), factors_.data()});
  if (problem_.kind == PoolKind::mean || least > -std::numeric_limits<float>::infinity()) return;
  for (int64_t x = 0; x < out_.w; ++x) {
    settle_max(in, out + x * out_.block, row, columns_[static_cast<size_t>(x)], used);
  }
}

// Pixels whose windows cover the same taps of a row.
void Pool::run_pixels(const float* in, float* out, const Span& row, int64_t begin, int64_t end, int64_t used) const {
  const Span& column = columns_[static_cast<size_t>(begin)];
  const int64_t lanes = out_.block;
  if (row.count == 0 || column.count == 0) {
    for (int64_t x = begin; x < end; ++x) fill_uncovered(out + x * lanes, used, row.padded * column.padded > 0);
    return;
  }
  PoolArgs a{};
  a.in = in + row.first * in_.row_stride() + column.first * lanes;
  a.rows = row.count;
  a.in_row = problem_.dilation_h * in_.row_stride();
  a.in_step = problem_.stride_w * lanes;
  a.taps = column.count;
  a.tap_step = problem_.dilation_w * lanes;
  a.out = out + begin * lanes;
  a.pixels = end - begin;
  a.factor = share_of(row) * share_of(column);
  const float least = any_(a);
  if (problem_.kind == PoolKind::mean || least > -std::numeric_limits<float>::infinity()) return;
  for (int64_t x = begin; x < end; ++x) {
    settle_max(in, out + x * lanes, row, columns_[static_cast<size_t>(x)], used);
  }
}

// What a window wholly in the padding gives.
void Pool::fill_uncovered(float* out, int64_t used, bool padded) const {
  const bool zero_mean = problem_.count_include_pad && padded;
  const float mean = zero_mean ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  std::fill(out, out + used, problem_.kind == PoolKind::max ? -std::numeric_limits<float>::infinity() : mean);
  std::fill(out + used, out + out_.block, 0.0f);
}

// Minus infinity is NaN where the window holds nothing else.
void Pool::settle_max(const float* in, float* out, const Span& row, const Span& column, int64_t used) const {
  for (int64_t lane = 0; lane < used; ++lane) {
    if (out[lane] > -std::numeric_limits<float>::infinity()) continue;
    bool number = false;
    for (int64_t i = 0; i < row.count * column.count; ++i) {
      const int64_t y = row.first + i / column.count * problem_.dilation_h;
      const int64_t x = column.first + i % column.count * problem_.dilation_w;
      const float value = in[y * in_.row_stride() + x * in_.block + lane];
      number = number || value == value;
    }
    if (!number) out[lane] = std::numeric_limits<float>::quiet_NaN();
  }
}

GlobalPool::GlobalPool(PoolKind kind, const BlockedLayout& in, const BlockedLayout& out, Isa isa)
    : in_(in), out_(out), plain_(false), isa_(isa) {
  check_pool_layouts(in, out, isa);
  if (out.h != 1 || out.w != 1) {
    fail(ErrorCode::invalid_argument, "a global pooling to {} x {}, expected 1 x 1", out.h, out.w);
  }
  function_ = kind == PoolKind::max ? pool_table(isa).global_max : pool_table(isa).global_mean;
}

GlobalPool::GlobalPool(PoolKind kind, const BlockedLayout& in, Isa isa)
    : GlobalPool(kind, in, {in.n, in.c, 1, 1, in.block, 0}, isa) {
  plain_ = true;
}

std::string GlobalPool::name() const {
  const bool is_max = function_ == pool_table(isa_).global_max;
  return fmt::format("pool_f32_global_{}_{}", is_max ? "max" : "mean", isa_name(isa_));
}

void GlobalPool::run_part(int64_t, int64_t part, int64_t parts, const PoolPointers& p, float*) const {
  if (!plain_) clear_halo(out_, p.out, part, parts);
  const int64_t blocks = in_.blocks();
  const auto [begin, end] = part_range(in_.n * blocks, part, parts);
  GlobalPoolArgs a{nullptr, in_.h, in_.row_stride(), in_.w, nullptr, in_.block, true};
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / blocks, block = i % blocks;
    a.in = p.in + in_.offset(image, block, 0, 0);
    if (plain_) {
      a.out = p.out + image * in_.c + block * in_.block;
      a.used = std::min(in_.block, in_.c - block * in_.block);
    } else {
      a.out = p.out + out_.offset(image, block, 0, 0);
    }
    function_(a);
  }
}

RowSumPool::RowSumPool(const BlockedLayout& in, Isa isa) : in_(in), isa_(isa) {
  check_layout(in, "the input of a pooling");
  if (in.n != 1) fail(ErrorCode::unsupported, "sums of the rows of {} images, expected one", in.n);
}

std::string RowSumPool::name() const { return fmt::format("pool_f32_row_sums_{}", isa_name(isa_)); }

void RowSumPool::run_part(int64_t, int64_t part, int64_t parts, const PoolPointers& p, float*) const {
  const GlobalPoolFunction function = pool_table(isa_).global_mean;
  const int64_t blocks = in_.blocks();
  GlobalPoolArgs a{nullptr, 1, in_.row_stride(), in_.w, nullptr, in_.block, false};
  const auto [begin, end] = part_range(in_.h, part, parts);
  for (int64_t block = 0; block < blocks; ++block) {
    for (int64_t y = begin; y < end; ++y) {
      a.in = p.in + in_.offset(0, block, y, 0);
      a.out = p.out + y * row_sums_stride(in_) + block * in_.block;
      function(a);
    }
  }
}

}  // namespace kiln
