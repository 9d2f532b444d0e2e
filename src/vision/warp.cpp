#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "vision/pixels/pixel_table.hpp"
#include "vision/pixels/pixels_plain.hpp"
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

/// Of a level that lies between others.
uint8_t to_level(float value) { return static_cast<uint8_t>(value + 0.5f); }

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

/// Takes rows of pixels, bicubic as OpenCV has it.
class CubicTaker {
 public:
  CubicTaker(const PictureView& picture, const WarpOptions& options, const PixelTable& table)
      : picture_(picture),
        options_(options),
        table_(table),
        weights_(cubic_weights()),
        fast_(picture.stride > 0 && picture.stride < (int64_t{1} << 31) / picture.height) {}

  /// Place i is (columns[i], rows[i]) in steps, and all of them lie between those of `range`.
  void take(const std::vector<int32_t>& columns, const std::vector<int32_t>& rows, const PlaceRange& range,
            uint8_t* out) const {
    const bool all = is_inside(range.first_column, range.first_row) && is_inside(range.last_column, range.last_row);
    for (size_t begin = 0; begin < columns.size();) {
      size_t end = all ? columns.size() : begin;
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
    const int64_t left = (column >> cubic_step_bits) - 1, top = (row >> cubic_step_bits) - 1;
    return fast_ && left >= 0 && top >= 0 && 3 * left + 16 <= 3 * picture_.width && top + 4 <= picture_.height;
  }
  void take_at_border(int32_t column, int32_t row, uint8_t* out) const {
    const int64_t left = (column >> cubic_step_bits) - 1, top = (row >> cubic_step_bits) - 1;
    std::array<std::array<uint8_t, 3>, 16> around;
    for (size_t i = 0; i < 16; ++i) {
      around[i] = pixel_at(picture_, options_, left + static_cast<int64_t>(i % 4), top + static_cast<int64_t>(i / 4));
    }
    cubic_pixel(
        column, row, weights_,
        [&](int64_t y, int64_t x, int64_t colour) {
          return around[static_cast<size_t>(4 * y + x)][static_cast<size_t>(colour)];
        },
        out);
  }

  PictureView picture_;
  WarpOptions options_;
  const PixelTable& table_;
  const int16_t* weights_;
  bool fast_;
};

ProjectedRow projected_row(const Projection& p, int64_t y) {
  const auto row = static_cast<double>(y);
  return {.x = p[1] * row + p[2],
          .dx = p[0],
          .y = p[4] * row + p[5],
          .dy = p[3],
          .depth = p[7] * row + p[8],
          .ddepth = p[6]};
}

void warp_row(const LinearTaker& taker, const ProjectedRow& row, int64_t width, uint8_t* out) {
  for (int64_t i = 0; i < width; ++i) {
    const auto x = static_cast<double>(i);
    const double depth = row.ddepth * x + row.depth, scale = depth == 0 ? 0 : 1 / depth;
    taker.take((row.dx * x + row.x) * scale, (row.dy * x + row.y) * scale, out + 3 * i);
  }
}

/// Pixels of a row of the result.
struct Interval {
  int64_t begin = 0, end = 0;
};

/// Those whose places, first + i * step, lie from `low` to `high`, and so many more at both ends, or less.
Interval inside(Interval all, double first, double step, double low, double high, double more) {
  if (step == 0) return first >= low && first <= high ? all : Interval();
  const double at_low = (low - first) / step, at_high = (high - first) / step;
  if (!std::isfinite(at_low) || !std::isfinite(at_high)) return more > 0 ? all : Interval();
  const double begin = std::max(static_cast<double>(all.begin), std::ceil(std::min(at_low, at_high)) - more);
  const double end = std::min(static_cast<double>(all.end), std::floor(std::max(at_low, at_high)) + 1 + more);
  if (!(begin < end)) return {};
  return {static_cast<int64_t>(begin), static_cast<int64_t>(end)};
}

/// Takes rows of an affine warp: what lies inside of the picture many pixels at a time.
class AffineTaker {
 public:
  AffineTaker(const PictureView& picture, const WarpOptions& options, const PixelTable& table)
      : picture_(picture), options_(options), table_(table), one_(picture, options) {
    // Places are to fit into 16 bits, and so many bytes into 32.
    constexpr int64_t longest = 1 << 15;
    fast_ = picture.width > 3 && picture.height > 1 && picture.width < longest && picture.height < longest &&
            picture.stride > 0 && picture.stride < (int64_t{1} << 31) / picture.height;
  }

  void take(const ProjectedRow& row, int64_t width, uint8_t* out) const {
    const Interval all{0, width}, seen = options_.replicate ? all : seen_of(all, row);
    const Interval fast = fast_ ? fast_of(all, row) : Interval();
    std::fill(out, out + 3 * seen.begin, options_.fill);
    std::fill(out + 3 * seen.end, out + 3 * width, options_.fill);
    int64_t taken = 0;
    if (fast.begin < fast.end) {
      const auto at = [&](double first, double step) {
        return std::llrint((first + static_cast<double>(fast.begin) * step) * unit);
      };
      const LinePlaces places{at(row.x, row.dx), at(row.y, row.dy), std::llrint(row.dx * unit),
                              std::llrint(row.dy * unit)};
      taken = table_.along_line(picture_.pixels, picture_.stride, places, fast.end - fast.begin, out + 3 * fast.begin);
    }
    const int64_t before = taken > 0 ? fast.begin : seen.end, after = taken > 0 ? fast.begin + taken : seen.end;
    for (int64_t i = seen.begin; i < before; ++i) take_one(row, i, out);
    for (int64_t i = after; i < seen.end; ++i) take_one(row, i, out);
  }

 private:
  static constexpr double unit = 4294967296.0;

  /// Pixels that the picture may be part of.
  Interval seen_of(Interval all, const ProjectedRow& row) const {
    constexpr double reach = 1, more = 1;
    all = inside(all, row.x, row.dx, -reach, static_cast<double>(picture_.width), more);
    return inside(all, row.y, row.dy, -reach, static_cast<double>(picture_.height), more);
  }
  /// Pixels whose places along_line() may take: the last pixels of a row have no bytes after them to be read.
  Interval fast_of(Interval all, const ProjectedRow& row) const {
    constexpr double margin = 1.0 / 64, less = -1;
    all = inside(all, row.x, row.dx, margin, static_cast<double>(picture_.width - 2) - margin, less);
    return inside(all, row.y, row.dy, margin, static_cast<double>(picture_.height - 1) - margin, less);
  }
  void take_one(const ProjectedRow& row, int64_t i, uint8_t* out) const {
    const auto x = static_cast<double>(i);
    one_.take(row.dx * x + row.x, row.dy * x + row.y, out + 3 * i);
  }

  PictureView picture_;
  WarpOptions options_;
  const PixelTable& table_;
  LinearTaker one_;
  bool fast_;
};

bool is_affine(const Projection& places) { return places[6] == 0 && places[7] == 0 && places[8] == 1; }

/// Makes row y where out_of(y, space) says, which may be in `space`, and then calls use(y, row).
template <class OutOf, class Use>
void for_warped_rows(const PictureView& picture, const Projection& places, int64_t width, int64_t height,
                     const WarpOptions& options, const OutOf& out_of, const Use& use) {
  if (picture.width < 1 || picture.height < 1) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels cannot be warped", picture.width, picture.height);
  }
  constexpr int64_t longest = int64_t{1} << 20;
  if (options.sampling == Sampling::cubic && std::max(picture.width, picture.height) > longest) {
    fail(ErrorCode::limit_exceeded, "a picture of {} x {} pixels: cubic warps take sides of at most {} pixels",
         picture.width, picture.height, longest);
  }
  const PixelTable& table = pixel_table(best_isa());
  const AffineTaker affine(picture, options, table);
  const LinearTaker linear(picture, options);
  const CubicTaker cubic(picture, options, table);
  const int64_t grain = std::max<int64_t>(2, (int64_t{1} << 12) / std::max<int64_t>(1, width));
  parallel_for(height, grain, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> space;
    std::vector<int32_t> columns(options.sampling == Sampling::cubic ? static_cast<size_t>(width) : 0), rows(columns);
    for (int64_t y = begin; y < end; ++y) {
      const ProjectedRow row = projected_row(places, y);
      uint8_t* const out = out_of(y, space);
      if (options.sampling == Sampling::cubic) {
        cubic.take(columns, rows, table.find_places(row, width, columns.data(), rows.data()), out);
      } else if (is_affine(places)) {
        affine.take(row, width, out);
      } else {
        warp_row(linear, row, width, out);
      }
      use(y, out);
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
  Picture result = Picture::unwritten(width, height);
  for_warped_rows(
      picture, places, width, height, options, [&](int64_t y, std::vector<uint8_t>&) { return result.row(y); },
      [](int64_t, const uint8_t*) {});
  return result;
}

void warp_into(Tensor& batch, int64_t index, const PictureView& picture, const Projection& places,
               const InputFormat& format, const WarpOptions& options) {
  float* const values = planes_of(batch, index, format);
  const Normalisation how(format);
  const PixelTable& table = pixel_table(best_isa());
  const auto in_space = [&](int64_t, std::vector<uint8_t>& space) {
    space.resize(static_cast<size_t>(3 * format.width));
    return space.data();
  };
  for_warped_rows(picture, places, format.width, format.height, options, in_space, [&](int64_t y, const uint8_t* row) {
    table.pixels_to_floats(row, format.width, how.planes(values + y * format.width, format.height * format.width));
  });
}

}  // namespace kiln::vision
