#include "kernels/reorder/reorder.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "kernels/copy/copy_table.hpp"

namespace kiln {
namespace {

constexpr int64_t f32 = sizeof(float);

/// Pixels of a block with unused lanes that are done at a time, by way of the stack.
constexpr int64_t chunk = 64;

const char* bytes(const float* p) { return reinterpret_cast<const char*>(p); }
char* bytes(float* p) { return reinterpret_cast<char*>(p); }

void copy_floats(const float* from, float* to, int64_t count) {
  std::memcpy(to, from, static_cast<size_t>(count * f32));
}

/// Rows of channels, `plane` floats apart, and pixels of blocks: the two sides of a transposition.
class Mover {
 public:
  Mover(const BlockedLayout& l, Isa isa) : transpose_(copy_table(isa).transpose[2]), block_(l.block) {}

  void to_block(const float* from, int64_t plane, int64_t channels, int64_t pixels, float* to) const {
    if (channels == block_) return interleave(from, plane, pixels, to);
    float rows[16 * chunk];
    std::fill(rows + channels * chunk, rows + block_ * chunk, 0.0f);
    for (int64_t x = 0; x < pixels; x += chunk) {
      const int64_t count = std::min(chunk, pixels - x);
      for (int64_t c = 0; c < channels; ++c) copy_floats(from + c * plane + x, rows + c * chunk, count);
      interleave(rows, chunk, count, to + x * block_);
    }
  }

  void from_block(const float* from, int64_t plane, int64_t channels, int64_t pixels, float* to) const {
    if (channels >= 4) return separate(from, channels, pixels, to, plane);
    float rows[4 * chunk];
    for (int64_t x = 0; x < pixels; x += chunk) {
      const int64_t count = std::min(chunk, pixels - x);
      separate(from + x * block_, 4, count, rows, chunk);
      for (int64_t c = 0; c < channels; ++c) copy_floats(rows + c * chunk, to + c * plane + x, count);
    }
  }

 private:
  void interleave(const float* from, int64_t plane, int64_t pixels, float* to) const {
    transpose_({bytes(from), bytes(to), pixels, block_, f32, plane * f32, block_ * f32, f32});
  }
  void separate(const float* from, int64_t channels, int64_t pixels, float* to, int64_t plane) const {
    transpose_({bytes(from), bytes(to), channels, pixels, f32, block_ * f32, plane * f32, f32});
  }

  CopyFunction transpose_;
  int64_t block_;
};

/// Calls body(image, block, pixel, pixels, offset) for the part's share of the pixels of all blocks, in runs that are
/// contiguous; `offset` is where the run lies.
template <class Body>
void each_run(const BlockedLayout& l, int64_t part, int64_t parts, Body&& body) {
  const int64_t pixels = l.h * l.w, line = l.halo.w == 0 ? pixels : l.w;
  auto [begin, end] = part_range(l.n * l.blocks() * pixels, part, parts);
  while (begin < end) {
    const int64_t plane = begin / pixels, pixel = begin % pixels;
    const int64_t count = std::min(end - begin, line - pixel % line);
    body(plane / l.blocks(), plane % l.blocks(), pixel, count,
         l.offset(plane / l.blocks(), plane % l.blocks(), pixel / l.w, pixel % l.w));
    begin += count;
  }
}

/// Calls body(image, pixel, pixels, offset) for the part's share of the pixels, in runs that are contiguous and short
/// enough for the caches with all their channels; `offset` is where the first block's lie.
template <class Body>
void each_stretch(const BlockedLayout& l, int64_t part, int64_t parts, Body&& body) {
  const int64_t pixels = l.h * l.w, line = l.halo.w == 0 ? pixels : l.w;
  const int64_t most = std::clamp<int64_t>((int64_t{128} << 10) / (l.blocks() * l.block * f32), 4, 256);
  auto [begin, end] = part_range(l.n * pixels, part, parts);
  while (begin < end) {
    const int64_t image = begin / pixels, pixel = begin % pixels;
    const int64_t count = std::min({end - begin, line - pixel % line, most});
    body(image, pixel, count, l.offset(image, 0, pixel / l.w, pixel % l.w));
    begin += count;
  }
}

int64_t channels_of(const BlockedLayout& l, int64_t block) { return std::min(l.block, l.c - block * l.block); }

}  // namespace

void nchw_to_blocked(const float* from, float* to, const BlockedLayout& l, int64_t part, int64_t parts, Isa isa) {
  clear_halo(l, to, part, parts);
  const int64_t plane = l.h * l.w;
  const Mover mover(l, isa);
  each_run(l, part, parts, [&](int64_t image, int64_t block, int64_t pixel, int64_t pixels, int64_t offset) {
    mover.to_block(from + (image * l.c + block * l.block) * plane + pixel, plane, channels_of(l, block), pixels,
                   to + offset);
  });
}

void blocked_to_nchw(const float* from, const BlockedLayout& l, float* to, int64_t part, int64_t parts, Isa isa) {
  const int64_t plane = l.h * l.w;
  const Mover mover(l, isa);
  each_run(l, part, parts, [&](int64_t image, int64_t block, int64_t pixel, int64_t pixels, int64_t offset) {
    mover.from_block(from + offset, plane, channels_of(l, block), pixels,
                     to + (image * l.c + block * l.block) * plane + pixel);
  });
}

void nhwc_to_blocked(const float* from, float* to, const BlockedLayout& l, int64_t part, int64_t parts, Isa isa) {
  clear_halo(l, to, part, parts);
  const CopyFunction rows = copy_table(isa).rows;
  each_stretch(l, part, parts, [&](int64_t image, int64_t pixel, int64_t pixels, int64_t offset) {
    const float* const source = from + (image * l.h * l.w + pixel) * l.c;
    for (int64_t block = 0; block < l.blocks(); ++block) {
      float* const target = to + offset + block * l.block_stride();
      const int64_t channels = channels_of(l, block);
      if (channels < l.block) std::memset(target, 0, static_cast<size_t>(pixels * l.block * f32));
      rows({bytes(source + block * l.block), bytes(target), pixels, channels * f32, l.c * f32, 1, l.block * f32, 1});
    }
  });
}

void blocked_to_nhwc(const float* from, const BlockedLayout& l, float* to, int64_t part, int64_t parts, Isa isa) {
  const CopyFunction rows = copy_table(isa).rows;
  each_stretch(l, part, parts, [&](int64_t image, int64_t pixel, int64_t pixels, int64_t offset) {
    float* const target = to + (image * l.h * l.w + pixel) * l.c;
    for (int64_t block = 0; block < l.blocks(); ++block) {
      rows({bytes(from + offset + block * l.block_stride()), bytes(target + block * l.block), pixels,
            channels_of(l, block) * f32, l.block * f32, 1, l.c * f32, 1});
    }
  });
}

void blocked_to_blocked(const float* from, const BlockedLayout& in, float* to, const BlockedLayout& out, int64_t part,
                        int64_t parts) {
  BlockedLayout same = in;
  same.halo = out.halo, same.image_blocks = out.image_blocks, same.lines = out.lines;
  if (same != out) {
    fail(ErrorCode::internal, "blocked tensors of {} x {} x {} x {} and {} x {} x {} x {} differ in more than the halo",
         in.n, in.c, in.h, in.w, out.n, out.c, out.h, out.w);
  }
  clear_halo(out, to, part, parts);
  // Lines are cut where either has something between them.
  const BlockedLayout& cut = out.halo.w == 0 ? in : out;
  each_run(cut, part, parts, [&](int64_t image, int64_t block, int64_t pixel, int64_t pixels, int64_t) {
    const int64_t y = pixel / in.w, x = pixel % in.w;
    copy_floats(from + in.offset(image, block, y, x), to + out.offset(image, block, y, x), pixels * in.block);
  });
}

}  // namespace kiln
