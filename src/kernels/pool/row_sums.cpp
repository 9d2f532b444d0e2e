#include "kernels/pool/row_sums.hpp"

#include <algorithm>
#include <array>

namespace kiln {

void write_mean_block(const BlockedLayout& image, const RowSums* pieces, int64_t count, int64_t block, float* mean) {
  constexpr int64_t most_lanes = 16;
  const int64_t stride = row_sums_stride(image), lanes = image.block;
  std::array<float, most_lanes> totals{};
  for (const RowSums* piece = pieces; piece != pieces + count; ++piece) {
    const float* row = piece->sums + block * lanes;
    for (int64_t y = piece->begin; y < piece->end; ++y, row += stride) {
      for (int64_t lane = 0; lane < lanes; ++lane) totals[static_cast<size_t>(lane)] += row[lane];
    }
  }
  const auto pixels = static_cast<float>(image.h * image.w);
  const int64_t used = std::min(lanes, image.c - block * lanes);
  for (int64_t lane = 0; lane < lanes; ++lane)
    mean[lane] = lane < used ? totals[static_cast<size_t>(lane)] / pixels : 0;
}

}  // namespace kiln
