#include "vision/resample.hpp"

#include <algorithm>
#include <cmath>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "vision/pixels/pixel_table.hpp"

namespace kiln::vision {

extern const PixelTable pixel_table_portable, pixel_table_avx2, pixel_table_avx512;

const PixelTable& pixel_table(Isa isa) {
  return isa == Isa::avx512 ? pixel_table_avx512 : isa == Isa::avx2 ? pixel_table_avx2 : pixel_table_portable;
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

Planes Normalisation::planes(float* out, int64_t plane) const {
  Planes planes{};
  for (size_t c = 0; c < 3; ++c) {
    planes.out[channel[c]] = out + static_cast<int64_t>(c) * plane;
    planes.scale[channel[c]] = scale[c];
    planes.bias[channel[c]] = bias[c];
  }
  return planes;
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

/// What each index of an axis is made of: two neighbours and their weights, of 2048.
struct AxisTaps {
  std::vector<int32_t> first, first_weight, second_weight;

  AxisTaps(int64_t from, int64_t to) : first(static_cast<size_t>(to)), first_weight(first), second_weight(first) {
    const double step = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
    constexpr float all = 1 << weight_bits;
    for (size_t i = 0; i < first.size(); ++i) {
      const auto place = static_cast<float>((static_cast<double>(i) + 0.5) * step - 0.5);
      const auto whole = static_cast<int32_t>(place), below = place < static_cast<float>(whole) ? whole - 1 : whole;
      const float rest = place - static_cast<float>(below);
      first[i] = below;
      first_weight[i] = static_cast<int32_t>(std::lrint((1.0f - rest) * all));
      second_weight[i] = static_cast<int32_t>(std::lrint(rest * all));
    }
  }
};

/// A resize whose lines are made one by one.
class Resizer {
 public:
  Resizer(const PictureView& picture, int64_t width, int64_t height)
      : picture_(picture),
        table_(pixel_table(best_isa())),
        same_(picture.width == width && picture.height == height),
        halved_(picture.width == 2 * width && picture.height == 2 * height),
        sparse_(picture.width > 4 * width),
        count_(width),
        rows_(picture.height, same_ ? 1 : height) {
    if (!same_ && !halved_) find_columns();
  }

  /// Two rows of the picture whose neighbours are mixed, and room for a row of numbers or of pixels.
  struct alignas(64) Numbers {
    uint16_t numbers[32];
  };
  struct Mixed {
    std::vector<Numbers> numbers;
    int64_t row = -1;
  };
  struct Lines {
    Mixed upper, lower;
    std::vector<int16_t> space;
    std::vector<uint8_t> pixels;
  };
  Lines lines() const {
    Lines lines;
    if (halved_) lines.pixels.resize(static_cast<size_t>(3 * count_));
    if (same_ || halved_) return lines;
    lines.upper.numbers.resize(3 * weights_.size() / 32);
    lines.lower.numbers = lines.upper.numbers;
    if (registers_ == 0) {
      lines.space.resize(sparse_ ? 8 * weights_.size() : static_cast<size_t>(3 * picture_.width + 8));
    }
    return lines;
  }

  void to_floats(int64_t y, Lines& lines, const Planes& planes) const {
    if (same_) return table_.pixels_to_floats(picture_.row(y), count_, planes);
    if (halved_) {
      to_pixels(y, lines, lines.pixels.data());
      return table_.pixels_to_floats(lines.pixels.data(), count_, planes);
    }
    table_.mixed_to_floats(rows(y, lines), count_, planes);
  }

  void to_pixels(int64_t y, Lines& lines, uint8_t* out) const {
    if (halved_) return table_.halve(picture_.row(2 * y), picture_.row(2 * y + 1), count_, out);
    table_.mixed_to_pixels(rows(y, lines), count_, out);
  }

 private:
  void find_columns() {
    const AxisTaps taps(picture_.width, count_);
    const auto last = static_cast<int32_t>(picture_.width - 1);
    const auto blocks = static_cast<size_t>((count_ + mixed_block - 1) / mixed_block);
    offsets_.resize(blocks * mixed_block);
    weights_.resize(blocks * mixed_block);
    for (size_t x = 0; x < offsets_.size(); ++x) {
      const size_t at = std::min(x, taps.first.size() - 1);
      // At the borders the pixel itself counts alone.
      const bool inside = taps.first[at] >= 0 && taps.first[at] < last;
      offsets_[x] = 3 * std::clamp(taps.first[at], 0, last);
      weights_[x] =
          inside ? static_cast<uint32_t>(taps.first_weight[at] | taps.second_weight[at] << 16) : 1u << weight_bits;
      if (offsets_[x] + 8 <= 3 * (last + 1)) safe_ = static_cast<int64_t>(x) + 1;
    }
    if (&table_ == &pixel_table_avx512 && picks_bytes()) find_windows();
  }
  static bool picks_bytes() {
    static const bool picks = __builtin_cpu_supports("avx512vbmi") != 0;
    return picks;
  }
  void find_windows() {
    for (const int registers : {2, 4}) {
      if (fits_windows(64 * registers)) {
        registers_ = registers;
        break;
      }
    }
    if (registers_ == 0) return;
    picks_.resize(4 * offsets_.size());
    for (size_t x = 0; x < offsets_.size(); ++x) {
      const int32_t base = base_of(x, 64 * registers_), left = offsets_[x] - base;
      if (x % group_pixels == 0) bases_.push_back(base);
      picks_[4 * x] = static_cast<uint8_t>(left);
      picks_[4 * x + 2] = static_cast<uint8_t>(weights_[x] >> 16 == 0 ? left : left + 3);
    }
  }
  /// Where the window of pixel x's group begins, which ends in the row.
  int32_t base_of(size_t x, int32_t bytes) const {
    return std::min(offsets_[x - x % group_pixels], static_cast<int32_t>(3 * picture_.width) - bytes);
  }
  bool fits_windows(int32_t bytes) const {
    if (3 * picture_.width < bytes) return false;
    for (size_t x = 0; x < offsets_.size(); ++x) {
      const int32_t needed = weights_[x] >> 16 == 0 ? 3 : 6;
      if (offsets_[x] + needed > base_of(x, bytes) + bytes) return false;
    }
    return true;
  }
  int64_t row_at(int64_t first) const { return std::clamp<int64_t>(first, 0, picture_.height - 1); }
  MixedRows rows(int64_t y, Lines& lines) const {
    const auto at = static_cast<size_t>(y);
    const int64_t upper = row_at(rows_.first[at]), lower = row_at(int64_t{rows_.first[at]} + 1);
    const int32_t upper_weight = rows_.first_weight[at], lower_weight = rows_.second_weight[at];
    const int64_t next = row_at(rows_.first[std::min(at + 1, rows_.first.size() - 1)]);
    if (upper == lines.lower.row) std::swap(lines.upper, lines.lower);
    // A row that does not count is not read.
    const bool one = lower == upper || lower_weight == 0;
    mix(upper, one ? next : lower, lines, lines.upper);
    if (!one) mix(lower, next, lines, lines.lower);
    const uint16_t* const above = lines.upper.numbers.data()->numbers;
    return {above, one ? above : lines.lower.numbers.data()->numbers, upper_weight, lower_weight};
  }
  void mix(int64_t row, int64_t next, Lines& lines, Mixed& mixed) const {
    if (mixed.row == row) return;
    mixed.row = row;
    const SourceRow source{picture_.row(row), 3 * picture_.width, picture_.row(next)};
    table_.mix(source, columns(), lines.space.data(), mixed.numbers.data()->numbers);
  }
  Columns columns() const {
    return {.count = static_cast<int64_t>(weights_.size()),
            .offsets = offsets_.data(),
            .weights = weights_.data(),
            .sparse = sparse_,
            .safe = safe_,
            .registers = registers_,
            .bases = bases_.data(),
            .picks = picks_.data()};
  }

  PictureView picture_;
  const PixelTable& table_;
  bool same_, halved_;  ///< in size
  bool sparse_;         ///< most of a row's pixels count for nothing
  int64_t count_;
  AxisTaps rows_;
  std::vector<int32_t> offsets_, bases_;
  std::vector<uint32_t> weights_;
  std::vector<uint8_t> picks_;
  int64_t safe_ = 0;
  int registers_ = 0;
};

/// Enough rows to be worth a thread's waking up.
int64_t grain_of(int64_t width) { return std::max<int64_t>(4, (int64_t{1} << 13) / std::max<int64_t>(1, width)); }

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
  const PixelTable& table = pixel_table(best_isa());
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
        float* const values = row + static_cast<int64_t>(c) * plane;
        table.fill(fill[c], left, values);
        if (inside) table.fill(fill[c], format.width - right, values + right);
      }
      if (inside) resizer.to_floats(y - placed.top, lines, how.planes(row + left, plane));
    }
  });
  return placement_of(picture.width, picture.height, placed);
}

Picture resize(const PictureView& picture, int64_t width, int64_t height) {
  require_pixels(picture, width, height);
  if (picture.width == width && picture.height == height) return Picture(picture);
  Picture result = Picture::unwritten(width, height);
  const Resizer resizer(picture, width, height);
  parallel_for(height, grain_of(width), [&](int64_t begin, int64_t end) {
    Resizer::Lines lines = resizer.lines();
    for (int64_t y = begin; y < end; ++y) resizer.to_pixels(y, lines, result.row(y));
  });
  return result;
}

}  // namespace kiln::vision
