#include "kernels/reorder/reorder.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "kernels/simd/transpose4.hpp"

namespace kiln {
namespace {

/// `pixels` pixels of `channels` channels, each of which lies `plane` floats after the last, to blocks of `block`.
void interleave(const float* from, int64_t plane, int64_t channels, int64_t pixels, int64_t block, float* to) {
  int64_t x = 0;
  for (; x + 4 <= pixels; x += 4) {
    int64_t c = 0;
    for (; c + 4 <= channels; c += 4) {
      FourFloats four[4];
      for (int64_t i = 0; i < 4; ++i) four[i] = load_four(from + (c + i) * plane + x);
      transpose(four);
      for (int64_t i = 0; i < 4; ++i) store_four(four[i], to + (x + i) * block + c);
    }
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t r = c; r < channels; ++r) to[(x + i) * block + r] = from[r * plane + x + i];
    }
  }
  for (; x < pixels; ++x) {
    for (int64_t c = 0; c < channels; ++c) to[x * block + c] = from[c * plane + x];
  }
  if (channels < block) {
    for (x = 0; x < pixels; ++x) std::fill(to + x * block + channels, to + (x + 1) * block, 0.0f);
  }
}

void separate(const float* from, int64_t block, int64_t channels, int64_t pixels, float* to, int64_t plane) {
  int64_t x = 0;
  for (; x + 4 <= pixels; x += 4) {
    int64_t c = 0;
    for (; c + 4 <= channels; c += 4) {
      FourFloats four[4];
      for (int64_t i = 0; i < 4; ++i) four[i] = load_four(from + (x + i) * block + c);
      transpose(four);
      for (int64_t i = 0; i < 4; ++i) store_four(four[i], to + (c + i) * plane + x);
    }
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t r = c; r < channels; ++r) to[r * plane + x + i] = from[(x + i) * block + r];
    }
  }
  for (; x < pixels; ++x) {
    for (int64_t c = 0; c < channels; ++c) to[c * plane + x] = from[x * block + c];
  }
}

/// Calls body(image, block, first line, lines) for the part's share of all lines, in runs within one plane.
template <class Body>
void each_run(const BlockedLayout& l, int64_t part, int64_t parts, Body&& body) {
  auto [begin, end] = part_range(l.n * l.blocks() * l.h, part, parts);
  while (begin < end) {
    const int64_t plane = begin / l.h, line = begin % l.h, lines = std::min(end - begin, l.h - line);
    body(plane / l.blocks(), plane % l.blocks(), line, lines);
    begin += lines;
  }
}

}  // namespace

void nchw_to_blocked(const float* from, float* to, const BlockedLayout& l, int64_t part, int64_t parts) {
  clear_halo(l, to, part, parts);
  each_run(l, part, parts, [&](int64_t image, int64_t block, int64_t line, int64_t lines) {
    const int64_t channels = std::min(l.block, l.c - block * l.block);
    const float* at = from + ((image * l.c + block * l.block) * l.h + line) * l.w;
    // Without a halo, lines follow each other in both and count as one.
    const int64_t runs = l.halo == 0 ? 1 : lines, pixels = l.halo == 0 ? lines * l.w : l.w;
    for (int64_t i = 0; i < runs; ++i) {
      interleave(at + i * l.w, l.h * l.w, channels, pixels, l.block, to + l.offset(image, block, line + i, 0));
    }
  });
}

void blocked_to_nchw(const float* from, const BlockedLayout& l, float* to, int64_t part, int64_t parts) {
  each_run(l, part, parts, [&](int64_t image, int64_t block, int64_t line, int64_t lines) {
    const int64_t channels = std::min(l.block, l.c - block * l.block);
    float* at = to + ((image * l.c + block * l.block) * l.h + line) * l.w;
    const int64_t runs = l.halo == 0 ? 1 : lines, pixels = l.halo == 0 ? lines * l.w : l.w;
    for (int64_t i = 0; i < runs; ++i) {
      separate(from + l.offset(image, block, line + i, 0), l.block, channels, pixels, at + i * l.w, l.h * l.w);
    }
  });
}

void blocked_to_blocked(const float* from, const BlockedLayout& in, float* to, const BlockedLayout& out, int64_t part,
                        int64_t parts) {
  BlockedLayout same = in;
  same.halo = out.halo, same.image_blocks = out.image_blocks;
  if (same != out) {
    fail(ErrorCode::internal, "blocked tensors of {} x {} x {} x {} and {} x {} x {} x {} differ in more than the halo",
         in.n, in.c, in.h, in.w, out.n, out.c, out.h, out.w);
  }
  clear_halo(out, to, part, parts);
  each_run(out, part, parts, [&](int64_t image, int64_t block, int64_t line, int64_t lines) {
    for (int64_t y = line; y < line + lines; ++y) {
      std::memcpy(to + out.offset(image, block, y, 0), from + in.offset(image, block, y, 0),
                  static_cast<size_t>(in.w * in.block) * sizeof(float));
    }
  });
}

}  // namespace kiln
