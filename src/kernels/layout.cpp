#include "kernels/layout.hpp"

#include <algorithm>
#include <cstring>

#include "base/checked.hpp"
#include "base/error.hpp"

namespace kiln {

void check_layout(const BlockedLayout& l, const char* what) {
  if (l.n < 0 || l.c < 1 || l.h < 1 || l.w < 1 || l.halo.h < 0 || l.halo.w < 0 || (l.block != 8 && l.block != 16) ||
      (l.image_blocks != 0 && l.image_blocks < (l.c - 1) / l.block + 1) || (l.lines != 0 && l.lines < l.h)) {
    fail(ErrorCode::invalid_argument,
         "{}: {} images of {} channels, {} x {}, in blocks of {} with a halo of {} x {} are no layout", what, l.n, l.c,
         l.h, l.w, l.block, l.halo.h, l.halo.w);
  }
  const auto with_halo = [&](int64_t size, int64_t halo) {
    return checked_add(size, checked_mul<int64_t>(halo, 2, what), what);
  };
  const int64_t height = std::max(l.lines, with_halo(l.h, l.halo.h)), width = with_halo(l.w, l.halo.w);
  const int64_t blocks = l.image_blocks != 0 ? l.image_blocks : l.blocks();
  const int64_t dims[] = {l.n, blocks, height, width, l.block, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, what);
}

void clear_halo(const BlockedLayout& layout, float* data, int64_t part, int64_t parts, Share share) {
  if (layout.halo == 0) return;
  const int64_t blocks = layout.blocks(), row = layout.row_stride();
  const int64_t above = layout.halo.h * row, beside = layout.halo.w * layout.block;
  const bool by_rows = share == Share::rows;
  const auto [begin, end] = by_rows ? PartRange{0, layout.n * blocks} : part_range(layout.n * blocks, part, parts);
  const PartRange rows = by_rows ? part_range(layout.h, part, parts) : PartRange{0, layout.h};
  const bool has_top = !by_rows || part == 0, has_bottom = !by_rows || part == parts - 1, alone = layout.lines == 0;
  const auto clear = [](float* from, int64_t count) {
    std::memset(from, 0, static_cast<size_t>(count) * sizeof(float));
  };
  for (int64_t i = begin; i < end; ++i) {
    float* plane = data + i / blocks * layout.image_stride() + i % blocks * layout.block_stride();
    // The right end of a row and the left end of the next lie together.
    float* const top = plane + (alone ? 0 : above);
    if (has_top) clear(top, plane + above + beside - top);
    for (int64_t y = std::max<int64_t>(1, rows.begin); y < rows.end; ++y) {
      clear(plane + above + y * row - beside, 2 * beside);
    }
    if (has_bottom) {
      clear(plane + above + layout.h * row - beside, (alone ? above : 0) + beside);
    }
  }
}

}  // namespace kiln
