#pragma once

#include "kernels/reorder/lanes_table.hpp"
#include "kernels/simd/bytes.hpp"

/// Included by lanes_<isa>.cpp only.
namespace kiln {

template <Isa isa>
[[gnu::noinline]] void put_lanes_together(const LanePiece* pieces, int64_t count, int64_t pixels, float* to) {
  if constexpr (isa == Isa::portable) {
    constexpr int64_t block = 8;
    std::memset(to, 0, static_cast<size_t>(pixels * block) * sizeof(float));
    for (int64_t i = 0; i < count; ++i) {
      const LanePiece& piece = pieces[i];
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (int64_t lane = piece.first; lane < piece.last; ++lane) {
          to[pixel * block + lane] = piece.from[pixel * block + lane];
        }
      }
    }
  } else {
    using B = Bytes<isa, most_lanes<isa>>;
    constexpr int64_t block = 4 * most_lanes<isa>;
    const auto load = [&](const LanePiece& piece, int64_t pixel) __attribute__((always_inline)) {
      return B::load_floats(piece.from + pixel * block, piece.first, piece.last);
    };
    const auto store = [&](B x, int64_t pixel) __attribute__((always_inline)) {
      x.store(reinterpret_cast<char*>(to + pixel * block));
    };
    if (count == 1) {
      const LanePiece piece = pieces[0];
      for (int64_t pixel = 0; pixel < pixels; ++pixel) store(load(piece, pixel), pixel);
    } else if (count == 2) {
      const LanePiece a = pieces[0], b = pieces[1];
      for (int64_t pixel = 0; pixel < pixels; ++pixel) store(load(a, pixel) | load(b, pixel), pixel);
    } else {
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        B x = load(pieces[0], pixel);
        for (int64_t i = 1; i < count; ++i) x = x | load(pieces[i], pixel);
        store(x, pixel);
      }
    }
  }
}

}  // namespace kiln
