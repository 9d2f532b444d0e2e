#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "vision/pixels/pixel_table.hpp"
#include "vision/resample.hpp"

namespace kiln::vision {

namespace {

/// A pixel as four floats, of which the last is a byte of its neighbour.
using Pixel = float __attribute__((vector_size(16)));
using FourBytes = uint8_t __attribute__((vector_size(4)));

Pixel load_pixel(const uint8_t* from) {
  FourBytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(bytes, Pixel);
}

/// Where a pixel is taken: the one at its top left, and how far it lies beyond that.
struct Place {
  int64_t x, y;
  float right, below;
};

/// A finite number that is no farther outside than integers can say.
double within_reach(double place) {
  constexpr double far = 1e9;
  return std::isfinite(place) ? std::clamp(place, -far, far) : -far;
}

/// As OpenCV has it: bilinear between exact places, bicubic in steps of 1/32.
template <int taps>
Place place_at(double x, double y) {
  x = within_reach(x);
  y = within_reach(y);
  if constexpr (taps == 4) {
    x = std::nearbyint(x * 32) / 32;
    y = std::nearbyint(y * 32) / 32;
  }
  const double left = std::floor(x), top = std::floor(y);
  return {static_cast<int64_t>(left), static_cast<int64_t>(top), static_cast<float>(x - left),
          static_cast<float>(y - top)};
}

template <int taps>
std::array<float, taps> weights_at(float x) {
  if constexpr (taps == 2) {
    return {1 - x, x};
  } else {
    constexpr float a = -0.75f;
    const float first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    const float second = ((a + 2) * x - (a + 3)) * x * x + 1;
    const float third = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    return {first, second, third, 1 - first - second - third};
  }
}

uint8_t to_level(float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, 255.0f)); }

/// Takes one pixel at a time from a picture.
template <int taps>
class Taker {
 public:
  Taker(const PictureView& picture, const WarpOptions& options) : picture_(picture), options_(options) {}

  void take(double x, double y, uint8_t* out) const {
    constexpr double reach = taps / 2 + 1;
    const bool near = x > -reach && y > -reach && x < static_cast<double>(picture_.width) + reach &&
                      y < static_cast<double>(picture_.height) + reach;
    if (!near && !options_.replicate) {
      std::fill_n(out, 3, options_.fill);
      return;
    }
    const Place place = place_at<taps>(x, y);
    const std::array<float, taps> wx = weights_at<taps>(place.right), wy = weights_at<taps>(place.below);
    constexpr int64_t before = taps / 2 - 1;
    const int64_t left = place.x - before, top = place.y - before;
    // The last pixel of a row has no byte after it to be read.
    const bool inside = left >= 0 && top >= 0 && left + taps < picture_.width && top + taps <= picture_.height;
    Pixel sum{};
    for (size_t j = 0; j < taps; ++j) {
      Pixel across{};
      const int64_t row = top + static_cast<int64_t>(j);
      for (size_t i = 0; i < taps; ++i) {
        const int64_t column = left + static_cast<int64_t>(i);
        across += (inside ? load_pixel(picture_.row(row) + 3 * column) : border_pixel(column, row)) * wx[i];
      }
      sum += across * wy[j];
    }
    for (int c = 0; c < 3; ++c) out[c] = to_level(sum[c]);
  }

 private:
  Pixel border_pixel(int64_t x, int64_t y) const {
    const bool outside = x < 0 || y < 0 || x >= picture_.width || y >= picture_.height;
    if (outside && !options_.replicate) {
      const auto fill = static_cast<float>(options_.fill);
      return Pixel{fill, fill, fill, fill};
    }
    x = std::clamp<int64_t>(x, 0, picture_.width - 1);
    y = std::clamp<int64_t>(y, 0, picture_.height - 1);
    const uint8_t* from = picture_.row(y) + 3 * x;
    return Pixel{static_cast<float>(from[0]), static_cast<float>(from[1]), static_cast<float>(from[2]), 0};
  }

  PictureView picture_;
  WarpOptions options_;
};

template <int taps>
void warp_row(const Taker<taps>& taker, const Projection& places, int64_t y, int64_t width, uint8_t* out) {
  const auto& p = places;
  const auto row = static_cast<double>(y);
  for (int64_t i = 0; i < width; ++i) {
    const auto x = static_cast<double>(i);
    const double depth = p[6] * x + p[7] * row + p[8];
    const double scale = depth == 0 ? 0 : 1 / depth;
    taker.take((p[0] * x + p[1] * row + p[2]) * scale, (p[3] * x + p[4] * row + p[5]) * scale, out + 3 * i);
  }
}

/// Pixels of a row of the result.
struct Interval {
  int64_t begin = 0, end = 0;
};

/// Those whose places, begin + i * step, lie from 0 to `size` and not at its very border.
Interval inside(Interval all, double begin, double step, double size) {
  double first = static_cast<double>(all.begin), last = static_cast<double>(all.end);
  if (step == 0) return begin >= 0 && begin < size ? all : Interval();
  const double at_zero = -begin / step, at_size = (size - begin) / step;
  if (!std::isfinite(at_zero) || !std::isfinite(at_size)) return {};
  first = std::max(first, std::ceil(std::min(at_zero, at_size)) + 1);
  last = std::min(last, std::floor(std::max(at_zero, at_size)) - 1);
  if (!(first < last)) return {};
  return {static_cast<int64_t>(first), static_cast<int64_t>(last)};
}

/// A row of an affine warp: what lies inside of the picture eight pixels at a time. `out` has room for a pixel more.
void warp_affine_row(const Taker<2>& taker, const PictureView& picture, const Projection& places, int64_t y,
                     int64_t width, const PixelTable& table, uint8_t* out) {
  const auto row = static_cast<double>(y);
  const double x0 = places[1] * row + places[2], y0 = places[4] * row + places[5];
  Interval fast;
  if (table.along_line && picture.width > 2 && picture.height > 1) {
    fast = inside({0, width}, x0, places[0], static_cast<double>(picture.width - 2));
    fast = inside(fast, y0, places[3], static_cast<double>(picture.height - 1));
    fast.end = fast.begin + std::max<int64_t>(0, fast.end - fast.begin) / 8 * 8;
    const auto begin = static_cast<double>(fast.begin);
    const LinePlaces line{x0 + begin * places[0], y0 + begin * places[3], places[0], places[3]};
    table.along_line(picture.pixels, picture.width, picture.height, picture.stride, line, fast.end - fast.begin,
                     out + 3 * fast.begin);
  }
  const auto take = [&](int64_t i) {
    const auto x = static_cast<double>(i);
    taker.take(places[0] * x + x0, places[3] * x + y0, out + 3 * i);
  };
  for (int64_t i = 0; i < fast.begin; ++i) take(i);
  for (int64_t i = fast.end; i < width; ++i) take(i);
}

bool is_affine(const Projection& places) { return places[6] == 0 && places[7] == 0 && places[8] == 1; }

template <class Row>
void for_warped_rows(const PictureView& picture, const Projection& places, int64_t width, int64_t height,
                     const WarpOptions& options, const Row& use) {
  if (picture.width < 1 || picture.height < 1) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels cannot be warped", picture.width, picture.height);
  }
  const Taker<2> linear(picture, options);
  const Taker<4> cubic(picture, options);
  const PixelTable& table = pixel_table(best_isa());
  const int64_t grain = std::max<int64_t>(2, (int64_t{1} << 13) / std::max<int64_t>(1, width));
  parallel_for(height, grain, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> pixels(static_cast<size_t>(3 * width + 3));
    for (int64_t y = begin; y < end; ++y) {
      if (options.sampling == Sampling::linear && is_affine(places)) {
        warp_affine_row(linear, picture, places, y, width, table, pixels.data());
      } else if (options.sampling == Sampling::linear) {
        warp_row(linear, places, y, width, pixels.data());
      } else {
        warp_row(cubic, places, y, width, pixels.data());
      }
      use(y, pixels.data());
    }
  });
}

}  // namespace

Projection projection_between(const std::array<std::array<float, 2>, 4>& from,
                              const std::array<std::array<float, 2>, 4>& to) {
  // For each corner: u * (gx + hy + 1) = ax + by + c and v * (gx + hy + 1) = dx + ey + f.
  double system[8][9] = {};
  for (size_t i = 0; i < 4; ++i) {
    const double x = from[i][0], y = from[i][1], u = to[i][0], v = to[i][1];
    const double first[9] = {x, y, 1, 0, 0, 0, -x * u, -y * u, u}, second[9] = {0, 0, 0, x, y, 1, -x * v, -y * v, v};
    std::copy_n(first, 9, system[i]);
    std::copy_n(second, 9, system[i + 4]);
  }
  for (int column = 0; column < 8; ++column) {
    int pivot = column;
    for (int row = column; row < 8; ++row) {
      if (std::abs(system[row][column]) > std::abs(system[pivot][column])) pivot = row;
    }
    if (!(std::abs(system[pivot][column]) > 1e-10)) {
      fail(ErrorCode::invalid_argument, "no projection takes these corners to each other: three lie on a line");
    }
    std::swap(system[pivot], system[column]);
    for (int row = 0; row < 8; ++row) {
      if (row == column) continue;
      const double factor = system[row][column] / system[column][column];
      for (int i = column; i < 9; ++i) system[row][i] -= factor * system[column][i];
    }
  }
  Projection projection;
  for (size_t i = 0; i < 8; ++i) projection[i] = system[i][8] / system[i][i];
  projection[8] = 1;
  return projection;
}

Picture warp(const PictureView& picture, const Projection& places, int64_t width, int64_t height,
             const WarpOptions& options) {
  Picture result(width, height);
  for_warped_rows(picture, places, width, height, options,
                  [&](int64_t y, const uint8_t* pixels) { std::copy_n(pixels, 3 * width, result.row(y)); });
  return result;
}

void warp_into(Tensor& batch, int64_t index, const PictureView& picture, const Projection& places,
               const InputFormat& format, const WarpOptions& options) {
  float* const planes = planes_of(batch, index, format);
  const Normalisation how(format);
  for_warped_rows(picture, places, format.width, format.height, options, [&](int64_t y, const uint8_t* pixels) {
    for (size_t c = 0; c < 3; ++c) {
      float* const out = planes + (static_cast<int64_t>(c) * format.height + y) * format.width;
      const uint8_t* const from = pixels + how.channel[c];
      for (int64_t x = 0; x < format.width; ++x) out[x] = static_cast<float>(from[3 * x]) * how.scale[c] + how.bias[c];
    }
  });
}

}  // namespace kiln::vision
