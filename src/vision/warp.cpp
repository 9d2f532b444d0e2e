#include <algorithm>
#include <bit>
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

/// Bilinear between exact places.
Place place_at(double x, double y) {
  x = within_reach(x);
  y = within_reach(y);
  const double left = std::floor(x), top = std::floor(y);
  return {static_cast<int64_t>(left), static_cast<int64_t>(top), static_cast<float>(x - left),
          static_cast<float>(y - top)};
}

uint8_t to_level(float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, 255.0f)); }

/// The pixel at a place, or what stands for it outside of the picture.
std::array<uint8_t, 3> pixel_at(const PictureView& picture, const WarpOptions& options, int64_t x, int64_t y) {
  const bool outside = x < 0 || y < 0 || x >= picture.width || y >= picture.height;
  if (outside && !options.replicate) return {options.fill, options.fill, options.fill};
  const uint8_t* from =
      picture.row(std::clamp<int64_t>(y, 0, picture.height - 1)) + 3 * std::clamp<int64_t>(x, 0, picture.width - 1);
  return {from[0], from[1], from[2]};
}

/// Takes one pixel at a time from a picture, bilinear between exact places as OpenCV has it.
class LinearTaker {
 public:
  LinearTaker(const PictureView& picture, const WarpOptions& options) : picture_(picture), options_(options) {}

  void take(double x, double y, uint8_t* out) const {
    constexpr double reach = 2;
    const bool near = x > -reach && y > -reach && x < static_cast<double>(picture_.width) + reach &&
                      y < static_cast<double>(picture_.height) + reach;
    if (!near && !options_.replicate) {
      std::fill_n(out, 3, options_.fill);
      return;
    }
    const Place place = place_at(x, y);
    // The last pixel of a row has no byte after it to be read.
    const bool inside = place.x >= 0 && place.y >= 0 && place.x + 2 < picture_.width && place.y + 2 <= picture_.height;
    const auto across = [&](int64_t row) {
      const auto at = [&](int64_t column) {
        return inside ? load_pixel(picture_.row(row) + 3 * column) : border_pixel(column, row);
      };
      return at(place.x) * (1 - place.right) + at(place.x + 1) * place.right;
    };
    const Pixel sum = across(place.y) * (1 - place.below) + across(place.y + 1) * place.below;
    for (int c = 0; c < 3; ++c) out[c] = to_level(sum[c]);
  }

 private:
  Pixel border_pixel(int64_t x, int64_t y) const {
    const std::array<uint8_t, 3> pixel = pixel_at(picture_, options_, x, y);
    return Pixel{static_cast<float>(pixel[0]), static_cast<float>(pixel[1]), static_cast<float>(pixel[2]), 0};
  }

  PictureView picture_;
  WarpOptions options_;
};

/// Takes rows of pixels, bicubic in steps of 1/32 as OpenCV has it.
class CubicTaker {
 public:
  CubicTaker(const PictureView& picture, const WarpOptions& options, const PixelTable& table)
      : picture_(picture), options_(options), table_(table), weights_(cubic_weights()) {}

  /// Place i is (columns[i], rows[i]) / 32.
  void take(const std::vector<int32_t>& columns, const std::vector<int32_t>& rows, uint8_t* out) const {
    for (size_t begin = 0; begin < columns.size();) {
      size_t end = begin;
      while (end < columns.size() && is_inside(columns[end], rows[end])) ++end;
      if (end > begin) {
        table_.cubic(picture_.pixels, picture_.stride, columns.data() + begin, rows.data() + begin,
                     static_cast<int64_t>(end - begin), out + 3 * begin);
        begin = end;
      } else {
        take_at_border(columns[begin], rows[begin], out + 3 * begin);
        ++begin;
      }
    }
  }

 private:
  bool is_inside(int32_t column, int32_t row) const {
    const int64_t left = (column >> 5) - 1, top = (row >> 5) - 1;
    return left >= 0 && top >= 0 && 3 * left + 16 <= 3 * picture_.width && top + 4 <= picture_.height;
  }
  void take_at_border(int32_t column, int32_t row, uint8_t* out) const {
    const int64_t left = (column >> 5) - 1, top = (row >> 5) - 1;
    const int16_t* const weights = weights_ + 16 * (cubic_steps * (row & 31) + (column & 31));
    std::array<int32_t, 3> sums{};
    for (int64_t tap = 0; tap < 16; ++tap) {
      const std::array<uint8_t, 3> pixel = pixel_at(picture_, options_, left + tap % 4, top + tap / 4);
      for (size_t c = 0; c < 3; ++c) sums[c] += weights[tap] * pixel[c];
    }
    for (size_t c = 0; c < 3; ++c) {
      out[c] = static_cast<uint8_t>(std::clamp((sums[c] + (1 << (cubic_bits - 1))) >> cubic_bits, 0, 255));
    }
  }

  PictureView picture_;
  WarpOptions options_;
  const PixelTable& table_;
  const int16_t* weights_;
};

/// Where a row of the result lies in the picture: place i is (x + i * dx) / (depth + i * ddepth), and so on.
struct ProjectedRow {
  double x, dx, y, dy, depth, ddepth;

  ProjectedRow(const Projection& p, double row)
      : x(p[1] * row + p[2]), dx(p[0]), y(p[4] * row + p[5]), dy(p[3]), depth(p[7] * row + p[8]), ddepth(p[6]) {}
  double scale_at(double i) const {
    const double at = ddepth * i + depth;
    return at == 0 ? 0 : 1 / at;
  }
};

void warp_row(const LinearTaker& taker, const ProjectedRow& row, int64_t width, uint8_t* out) {
  for (int64_t i = 0; i < width; ++i) {
    const auto x = static_cast<double>(i);
    const double scale = row.scale_at(x);
    taker.take((row.dx * x + row.x) * scale, (row.dy * x + row.y) * scale, out + 3 * i);
  }
}

/// Places of a row in steps of 1/32, none of them farther than 32-bit integers can say.
void find_places(const ProjectedRow& row, std::vector<int32_t>& columns, std::vector<int32_t>& rows) {
  constexpr double farthest = 2147480000.0;
  // Added to a double that is small enough, it leaves the nearest integer in the last bits.
  constexpr double rounder = 6755399441055744.0;
  const auto to_steps = [&](double place) {
    place = place * cubic_steps;
    // In this order what is no number is far outside too.
    place = place > -farthest ? place : -farthest;
    place = place < farthest ? place : farthest;
    return static_cast<int32_t>(static_cast<uint32_t>(std::bit_cast<uint64_t>(place + rounder)));
  };
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto x = static_cast<double>(static_cast<int32_t>(i));
    const double scale = row.scale_at(x);
    columns[i] = to_steps((row.dx * x + row.x) * scale);
    rows[i] = to_steps((row.dy * x + row.y) * scale);
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
void warp_affine_row(const LinearTaker& taker, const PictureView& picture, const Projection& places, int64_t y,
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
  const PixelTable& table = pixel_table(best_isa());
  const LinearTaker linear(picture, options);
  const CubicTaker cubic(picture, options, table);
  const int64_t grain = std::max<int64_t>(2, (int64_t{1} << 13) / std::max<int64_t>(1, width));
  parallel_for(height, grain, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> pixels(static_cast<size_t>(3 * width + 3));
    std::vector<int32_t> columns(options.sampling == Sampling::cubic ? static_cast<size_t>(width) : 0), rows(columns);
    for (int64_t y = begin; y < end; ++y) {
      const ProjectedRow row(places, static_cast<double>(y));
      if (options.sampling == Sampling::cubic) {
        find_places(row, columns, rows);
        cubic.take(columns, rows, pixels.data());
      } else if (is_affine(places)) {
        warp_affine_row(linear, picture, places, y, width, table, pixels.data());
      } else {
        warp_row(linear, row, width, pixels.data());
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
