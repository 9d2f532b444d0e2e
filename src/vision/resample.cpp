#include "vision/resample.hpp"

#include <algorithm>
#include <cmath>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "vision/pixels/pixel_table.hpp"

namespace kiln::vision {

extern const PixelTable pixel_table_portable, pixel_table_avx2;

const PixelTable& pixel_table(Isa isa) { return isa == Isa::portable ? pixel_table_portable : pixel_table_avx2; }

AxisTaps::AxisTaps(int64_t from, int64_t to) {
  const double step = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
  for (int64_t i = 0; i < to; ++i) {
    const auto place = static_cast<float>((static_cast<double>(i) + 0.5) * step - 0.5);
    const auto below = static_cast<int64_t>(std::floor(place));
    const float rest = place - static_cast<float>(below);
    first.push_back(below);
    first_weight.push_back(static_cast<int32_t>(std::lrint((1.0f - rest) * 2048.0f)));
    second_weight.push_back(static_cast<int32_t>(std::lrint(rest * 2048.0f)));
  }
}

Normalisation::Normalisation(const InputFormat& format) {
  for (size_t c = 0; c < 3; ++c) {
    channel[c] = static_cast<int64_t>(format.bgr ? 2 - c : c);
    scale[c] = 1.0f / (format.range * format.deviation[c]);
    bias[c] = -format.mean[c] / format.deviation[c];
    if (!std::isfinite(scale[c]) || !std::isfinite(bias[c])) {
      fail(ErrorCode::invalid_argument, "colour {} has mean {}, deviation {} and range {}, which give no numbers", c,
           format.mean[c], format.deviation[c], format.range);
    }
  }
}

float* planes_of(Tensor& batch, int64_t index, const InputFormat& format) {
  const Shape& shape = batch.shape();
  if (batch.dtype() != DType::f32 || shape.size() != 4 || shape[1] != 3 || shape[2] != format.height ||
      shape[3] != format.width || index < 0 || index >= shape[0]) {
    fail(ErrorCode::invalid_argument, "picture {} of a batch {} {}: expected f32 [n,3,{},{}]", index,
         dtype_name(batch.dtype()), to_string(shape), format.height, format.width);
  }
  return batch.mutable_data<float>() + index * 3 * format.height * format.width;
}

namespace {

void require_pixels(const PictureView& picture, int64_t width, int64_t height) {
  if (picture.width < 1 || picture.height < 1 || width < 1 || height < 1) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels cannot be resized to {} x {}", picture.width,
         picture.height, width, height);
  }
  constexpr int64_t longest = int64_t{1} << 28;
  if (picture.width > longest || width > longest || height > longest) {
    fail(ErrorCode::limit_exceeded, "resizing {} x {} pixels to {} x {}: sides have at most {} pixels", picture.width,
         picture.height, width, height, longest);
  }
}

/// A resize whose lines are made one by one.
class Resizer {
 public:
  Resizer(const PictureView& picture, int64_t width, int64_t height)
      : picture_(picture), width_(width), rows_(picture.height, height), table_(pixel_table(best_isa())) {
    const AxisTaps columns(picture.width, width);
    for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
      // At the borders the pixel itself counts alone.
      const bool inside = columns.first[x] >= 0 && columns.first[x] < picture.width - 1;
      const int64_t at = std::clamp<int64_t>(columns.first[x], 0, picture.width - 1);
      offsets_.push_back(static_cast<int32_t>(3 * at));
      weights_.push_back(inside ? static_cast<uint32_t>(columns.first_weight[x] | columns.second_weight[x] << 16)
                                : 2048u);
      if (3 * at + 8 <= 3 * picture.width) safe_ = static_cast<int64_t>(x) + 1;
    }
  }

  /// Two lines of the picture that were mixed across, and which they are.
  struct Lines {
    std::vector<int16_t> upper, lower;
    int64_t upper_row = -1, lower_row = -1;
  };
  Lines lines() const {
    const auto size = static_cast<size_t>(3 * width_);
    return {std::vector<int16_t>(size), std::vector<int16_t>(size)};
  }

  void to_floats(int64_t y, Lines& lines, const Normalisation& how, float* out, int64_t out_plane) const {
    mix_across(y, lines);
    const auto row = static_cast<size_t>(y);
    for (size_t c = 0; c < 3; ++c) {
      const int64_t from = how.channel[c] * width_;
      table_.down_to_floats(lines.upper.data() + from, lines.lower.data() + from, rows_.first_weight[row],
                            rows_.second_weight[row], width_, how.scale[c], how.bias[c],
                            out + static_cast<int64_t>(c) * out_plane);
    }
  }

  void to_pixels(int64_t y, Lines& lines, uint8_t* out) const {
    mix_across(y, lines);
    const auto row = static_cast<size_t>(y);
    table_.down_to_pixels(lines.upper.data(), lines.lower.data(), rows_.first_weight[row], rows_.second_weight[row],
                          width_, width_, out);
  }

 private:
  void mix_across(int64_t y, Lines& lines) const {
    const int64_t place = rows_.first[static_cast<size_t>(y)];
    const int64_t upper = std::clamp<int64_t>(place, 0, picture_.height - 1);
    const int64_t lower = std::clamp<int64_t>(place + 1, 0, picture_.height - 1);
    if (upper == lines.lower_row) {
      std::swap(lines.upper, lines.lower);
      std::swap(lines.upper_row, lines.lower_row);
    }
    mix_line(upper, lines.upper, lines.upper_row);
    mix_line(lower, lines.lower, lines.lower_row);
  }
  void mix_line(int64_t row, std::vector<int16_t>& line, int64_t& held) const {
    if (held == row) return;
    table_.across(picture_.row(row), offsets_.data(), weights_.data(), width_, safe_, line.data(), width_);
    held = row;
  }

  PictureView picture_;
  int64_t width_;
  AxisTaps rows_;
  std::vector<int32_t> offsets_;
  std::vector<uint32_t> weights_;
  int64_t safe_ = 0;
  const PixelTable& table_;
};

/// Enough rows to be worth a thread's waking up.
int64_t grain_of(int64_t width) { return std::max<int64_t>(4, (int64_t{1} << 15) / std::max<int64_t>(1, width)); }

}  // namespace

PlacedRectangle fit_into(int64_t picture_width, int64_t picture_height, const InputFormat& format) {
  require_pixels({nullptr, picture_width, picture_height, 0}, format.width, format.height);
  if (format.fit == Fit::stretch) return {0, 0, format.width, format.height};
  const double scale = std::min(static_cast<double>(format.width) / static_cast<double>(picture_width),
                                static_cast<double>(format.height) / static_cast<double>(picture_height));
  const auto scaled = [&](int64_t side, int64_t room) {
    return std::clamp<int64_t>(std::llrint(static_cast<double>(side) * scale), 1, room);
  };
  PlacedRectangle placed{0, 0, scaled(picture_width, format.width), scaled(picture_height, format.height)};
  if (format.fit == Fit::letterbox) {
    // The odd pixel goes to the right and below.
    placed.left = (format.width - placed.width) / 2;
    placed.top = (format.height - placed.height) / 2;
  }
  return placed;
}

Placement placement_of(int64_t picture_width, int64_t picture_height, const PlacedRectangle& placed) {
  return {static_cast<double>(placed.width) / static_cast<double>(picture_width),
          static_cast<double>(placed.height) / static_cast<double>(picture_height), static_cast<double>(placed.left),
          static_cast<double>(placed.top)};
}

Placement prepare_into(Tensor& batch, int64_t index, const PictureView& picture, const InputFormat& format) {
  return prepare_into(batch, index, picture, format, fit_into(picture.width, picture.height, format));
}

Placement prepare_into(Tensor& batch, int64_t index, const PictureView& picture, const InputFormat& format,
                       const PlacedRectangle& placed) {
  float* const planes = planes_of(batch, index, format);
  require_pixels(picture, placed.width, placed.height);
  if (placed.left < 0 || placed.top < 0 || placed.left > format.width - placed.width ||
      placed.top > format.height - placed.height) {
    fail(ErrorCode::invalid_argument, "{} x {} pixels at {}, {} do not lie inside of {} x {}", placed.width,
         placed.height, placed.left, placed.top, format.width, format.height);
  }
  const Normalisation how(format);
  const Resizer resizer(picture, placed.width, placed.height);
  const int64_t plane = format.height * format.width;
  std::array<float, 3> fill;
  for (size_t c = 0; c < 3; ++c) fill[c] = format.fill * how.scale[c] + how.bias[c];
  parallel_for(format.height, grain_of(format.width), [&](int64_t begin, int64_t end) {
    Resizer::Lines lines = resizer.lines();
    for (int64_t y = begin; y < end; ++y) {
      float* const row = planes + y * format.width;
      const bool inside = y >= placed.top && y < placed.top + placed.height;
      const int64_t left = inside ? placed.left : format.width, right = placed.left + placed.width;
      for (size_t c = 0; c < 3; ++c) {
        float* const line = row + static_cast<int64_t>(c) * plane;
        std::fill_n(line, left, fill[c]);
        if (inside) std::fill(line + right, line + format.width, fill[c]);
      }
      if (inside) resizer.to_floats(y - placed.top, lines, how, row + left, plane);
    }
  });
  return placement_of(picture.width, picture.height, placed);
}

Picture resize(const PictureView& picture, int64_t width, int64_t height) {
  require_pixels(picture, width, height);
  if (picture.width == width && picture.height == height) return Picture(picture);
  Picture result(width, height);
  const Resizer resizer(picture, width, height);
  parallel_for(height, grain_of(width), [&](int64_t begin, int64_t end) {
    Resizer::Lines lines = resizer.lines();
    for (int64_t y = begin; y < end; ++y) resizer.to_pixels(y, lines, result.row(y));
  });
  return result;
}

}  // namespace kiln::vision
