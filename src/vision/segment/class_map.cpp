#include "vision/segment/class_map.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/thread_pool.hpp"

namespace kiln::vision {

MapTaps::MapTaps(int64_t pixels, double scale, double offset, int64_t map_size) {
  for (int64_t i = 0; i < pixels; ++i) {
    const double place =
        std::clamp((static_cast<double>(i) + 0.5) * scale + offset - 0.5, 0.0, static_cast<double>(map_size - 1));
    const auto before = static_cast<int64_t>(place);
    first.push_back(before);
    second.push_back(std::min(before + 1, map_size - 1));
    part.push_back(static_cast<float>(place - static_cast<double>(before)));
  }
}

namespace {

/// Rows that are worth a thread's waking up.
int64_t map_grain_of(int64_t width) { return std::max<int64_t>(4, (int64_t{1} << 16) / std::max<int64_t>(1, width)); }

/// The best class of each pixel of the map itself.
std::vector<uint16_t> best_of_map(const float* scores, int64_t classes, int64_t height, int64_t width) {
  const int64_t plane = height * width;
  std::vector<uint16_t> best(static_cast<size_t>(plane));
  parallel_for(height, map_grain_of(width * classes), [&](int64_t begin, int64_t end) {
    std::vector<float> top(static_cast<size_t>(width));
    for (int64_t y = begin; y < end; ++y) {
      std::copy_n(scores + y * width, width, top.begin());
      uint16_t* const row = best.data() + y * width;
      for (int64_t c = 1; c < classes; ++c) {
        const float* from = scores + c * plane + y * width;
        float* const highest = top.data();
        for (int64_t x = 0; x < width; ++x) {
          const bool better = from[x] > highest[x];
          highest[x] = better ? from[x] : highest[x];
          row[x] = better ? static_cast<uint16_t>(c) : row[x];
        }
      }
    }
  });
  return best;
}

/// Four places in a map and their weights.
struct Corners {
  int64_t at[4];
  float weight[4];

  Corners(const MapTaps& rows, const MapTaps& columns, size_t y, size_t x, int64_t width) {
    const float below = rows.part[y], right = columns.part[x];
    const int64_t upper = rows.first[y] * width, lower = rows.second[y] * width;
    const int64_t places[4] = {upper + columns.first[x], upper + columns.second[x], lower + columns.first[x],
                               lower + columns.second[x]};
    const float weights[4] = {(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right};
    std::copy_n(places, 4, at);
    std::copy_n(weights, 4, weight);
  }
  float mix(const float* plane) const {
    return plane[at[0]] * weight[0] + plane[at[1]] * weight[1] + plane[at[2]] * weight[2] + plane[at[3]] * weight[3];
  }
};

uint16_t best_between(const float* scores, int64_t classes, int64_t plane, const Corners& corners) {
  float top = corners.mix(scores);
  int64_t best = 0;
  for (int64_t c = 1; c < classes; ++c) {
    const float score = corners.mix(scores + c * plane);
    if (score > top) {
      top = score;
      best = c;
    }
  }
  return static_cast<uint16_t>(best);
}

template <class Pixel>
void for_pixels(Segmentation& result, const Pixel& class_of) {
  parallel_for(result.height, map_grain_of(result.width), [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      uint16_t* const row = result.classes.data() + y * result.width;
      for (int64_t x = 0; x < result.width; ++x) row[x] = class_of(static_cast<size_t>(y), static_cast<size_t>(x));
    }
  });
}

}  // namespace

void best_classes(const float* scores, int64_t classes, int64_t height, int64_t width, const MapTaps& rows,
                  const MapTaps& columns, float threshold, Segmentation& result) {
  const int64_t plane = height * width;
  if (classes == 1) {
    const bool probabilities =
        std::all_of(scores, scores + plane, [](float score) { return score >= 0 && score <= 1; });
    const float least = probabilities ? threshold : std::log(threshold / (1 - threshold));
    for_pixels(result, [&](size_t y, size_t x) {
      return static_cast<uint16_t>(Corners(rows, columns, y, x, width).mix(scores) > least);
    });
    return;
  }
  const std::vector<uint16_t> best = best_of_map(scores, classes, height, width);
  for_pixels(result, [&](size_t y, size_t x) {
    const Corners corners(rows, columns, y, x, width);
    const auto at = [&](size_t i) { return best[static_cast<size_t>(corners.at[i])]; };
    // What is best at all four is best between them.
    if (at(0) == at(1) && at(0) == at(2) && at(0) == at(3)) return at(0);
    return best_between(scores, classes, plane, corners);
  });
}

void nearest_classes(const Tensor& classes, int64_t height, int64_t width, const MapTaps& rows, const MapTaps& columns,
                     Segmentation& result) {
  std::vector<uint16_t> map(static_cast<size_t>(height * width));
  const auto take = [&]<class T>(const T* values) {
    for (size_t i = 0; i < map.size(); ++i) {
      const auto value = static_cast<int64_t>(values[i]);
      map[i] = value >= 0 && value <= 65535 ? static_cast<uint16_t>(value) : uint16_t{0};
    }
  };
  switch (classes.dtype()) {
    case DType::i64: take(classes.data<int64_t>()); break;
    case DType::i32: take(classes.data<int32_t>()); break;
    case DType::u8: take(classes.data<uint8_t>()); break;
    default: fail(ErrorCode::invalid_argument, "classes are {}, expected i64, i32 or u8", dtype_name(classes.dtype()));
  }
  for_pixels(result, [&](size_t y, size_t x) {
    const int64_t row = rows.part[y] < 0.5f ? rows.first[y] : rows.second[y];
    const int64_t column = columns.part[x] < 0.5f ? columns.first[x] : columns.second[x];
    return map[static_cast<size_t>(row * width + column)];
  });
}

}  // namespace kiln::vision
