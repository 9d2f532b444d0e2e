#include "kernels/layout.hpp"

#include <algorithm>
#include <cstring>

#include "base/checked.hpp"
#include "base/error.hpp"

namespace kiln {

void check_layout(const BlockedLayout& l, const char* what) {
  if (l.n < 0 || l.c < 1 || l.h < 1 || l.w < 1 || l.halo < 0 || (l.block != 8 && l.block != 16) ||
      (l.image_blocks != 0 && l.image_blocks < (l.c - 1) / l.block + 1) || (l.lines != 0 && l.lines < l.h)) {
    fail(ErrorCode::invalid_argument,
         "{}: {} images of {} channels, {} x {}, in blocks of {} with a halo of {} are no layout", what, l.n, l.c, l.h,
         l.w, l.block, l.halo);
  }
  const int64_t halos = checked_mul<int64_t>(l.halo, 2, what);
  const int64_t height = std::max(l.lines, checked_add(l.h, halos, what)), width = checked_add(l.w, halos, what);
  const int64_t blocks = l.image_blocks != 0 ? l.image_blocks : l.blocks();
  const int64_t dims[] = {l.n, blocks, height, width, l.block, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, what);
}

void clear_halo(const BlockedLayout& layout, float* data, int64_t part, int64_t parts, Share share) {
  if (layout.halo == 0) return;
  const int64_t blocks = layout.blocks(), row = layout.row_stride(), halo = layout.halo;
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
    float* const top = plane + (alone ? 0 : halo * row);
    if (has_top) clear(top, plane + halo * row + halo * layout.block - top);
    for (int64_t y = std::max<int64_t>(1, rows.begin); y < rows.end; ++y) {
      clear(plane + (halo + y) * row - halo * layout.block, 2 * halo * layout.block);
    }
    if (has_bottom) {
      clear(plane + (halo + layout.h) * row - halo * layout.block, (alone ? halo * row : 0) + halo * layout.block);
    }
  }
}

}  // namespace kiln
