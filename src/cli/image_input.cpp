#include "cli/image_input.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/safe_open.hpp"
#include "images/image.hpp"
#include "ops/support/convert.hpp"

namespace kiln::cli {
namespace {

/// Where an input of rank 3 or 4 has its channels, rows and columns.
struct Layout {
  size_t channel_axis, row_axis, column_axis;
  int64_t channels;       ///< 1, 3, or -1 when the picture may decide
  int64_t height, width;  ///< -1 when the picture decides
};

Layout layout_of(const PortInfo& port) {
  const size_t rank = port.shape.size();
  if (!port.has_shape || (rank != 3 && rank != 4)) {
    fail(ErrorCode::invalid_argument, "input '{}' takes no picture: found rank {}, expected 3 or 4", port.name,
         port.has_shape ? std::to_string(rank) : "unknown");
  }
  const auto is_channels = [&](size_t axis) { return port.shape[axis].value == 1 || port.shape[axis].value == 3; };
  const size_t first = rank - 3;
  const bool last = !is_channels(first) && is_channels(rank - 1);
  Layout layout = last ? Layout{rank - 1, first, first + 1, 0, 0, 0} : Layout{first, first + 1, first + 2, 0, 0, 0};
  layout.channels = port.shape[layout.channel_axis].value;
  layout.height = port.shape[layout.row_axis].value;
  layout.width = port.shape[layout.column_axis].value;
  if (layout.channels != 1 && layout.channels != 3 && layout.channels != -1) {
    fail(ErrorCode::invalid_argument, "input '{}' takes no picture: it has {} channels, expected 1 or 3", port.name,
         layout.channels);
  }
  if (rank == 4 && port.shape[0].value > 1) {
    fail(ErrorCode::invalid_argument, "input '{}' takes {} pictures at once: give it a .npy file", port.name,
         port.shape[0].value);
  }
  return layout;
}

/// Planes of floats from 0 to 255.
struct Planes {
  int64_t channels, height, width;
  std::vector<float> values;
  float& at(int64_t c, int64_t y, int64_t x) { return values[static_cast<size_t>((c * height + y) * width + x)]; }
};

Planes planes_of(const Image& image, int64_t channels) {
  Planes planes{channels, image.height, image.width, {}};
  planes.values.resize(static_cast<size_t>(channels * image.height * image.width));
  constexpr std::array<float, 3> luma{0.299f, 0.587f, 0.114f};
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = image.row(y);
    for (int64_t x = 0; x < image.width; ++x, row += image.channels) {
      for (int64_t c = 0; c < channels; ++c) planes.at(c, y, x) = image.channels == 1 ? row[0] : row[c];
      if (channels == 1 && image.channels == 3) {
        planes.at(0, y, x) = luma[0] * row[0] + luma[1] * row[1] + luma[2] * row[2];
      }
    }
  }
  return planes;
}

/// For each position of `to`, the two neighbours in `from` and the weight of the second. Pixels are areas, so that
/// their centres lie at halves.
struct Taps {
  int64_t low, high;
  float weight;
};
std::vector<Taps> taps(int64_t from, int64_t to) {
  std::vector<Taps> list;
  for (int64_t i = 0; i < to; ++i) {
    const double place = (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    const double clamped = std::clamp(place, 0.0, static_cast<double>(from - 1));
    const auto low = static_cast<int64_t>(clamped);
    list.push_back({low, std::min(low + 1, from - 1), static_cast<float>(clamped - static_cast<double>(low))});
  }
  return list;
}

Planes resized(Planes& from, int64_t height, int64_t width) {
  if (from.height == height && from.width == width) return std::move(from);
  if (from.height == 0 || from.width == 0) fail(ErrorCode::invalid_data, "the picture is empty");
  Planes to{from.channels, height, width, {}};
  to.values.resize(static_cast<size_t>(element_count({from.channels, height, width})));
  const std::vector<Taps> rows = taps(from.height, height), columns = taps(from.width, width);
  for (int64_t c = 0; c < to.channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      const Taps& row = rows[static_cast<size_t>(y)];
      for (int64_t x = 0; x < width; ++x) {
        const Taps& column = columns[static_cast<size_t>(x)];
        const auto across = [&](int64_t line) {
          return std::lerp(from.at(c, line, column.low), from.at(c, line, column.high), column.weight);
        };
        to.at(c, y, x) = std::lerp(across(row.low), across(row.high), row.weight);
      }
    }
  }
  return to;
}

}  // namespace

bool is_image_name(const std::string& path) {
  std::string ending = path.substr(std::min(path.size(), path.rfind('.')));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  constexpr std::array<std::string_view, 14> endings{".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff",
                                                     ".jp2", ".j2k", ".jpf",  ".pnm",  ".pbm", ".pgm", ".ppm"};
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

Tensor load_image(const std::string& path, const PortInfo& port) {
  const std::vector<std::byte> file = read_file(path);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  if (port.dtype == DType::u8 && port.has_shape && port.shape.size() == 1) {
    return Tensor::from<uint8_t>({static_cast<int64_t>(bytes.size())}, bytes);
  }
  const Layout layout = layout_of(port);
  if (port.dtype != DType::u8 && !is_float(port.dtype)) {
    fail(ErrorCode::invalid_argument, "input '{}' takes no picture: its elements are {}, expected u8 or floats",
         port.name, dtype_name(port.dtype));
  }
  const std::optional<Image> image = decode_image(bytes);
  if (!image) fail(ErrorCode::invalid_data, "{}: is no picture that can be decoded", path);

  const int64_t channels = layout.channels > 0 ? layout.channels : 3;
  Planes whole = planes_of(*image, channels);
  Planes planes = resized(whole, layout.height >= 0 ? layout.height : image->height,
                          layout.width >= 0 ? layout.width : image->width);
  Shape shape(port.shape.size(), 1);
  shape[layout.channel_axis] = channels;
  shape[layout.row_axis] = planes.height;
  shape[layout.column_axis] = planes.width;

  const bool bytes_wanted = port.dtype == DType::u8;
  Tensor values(DType::f32, shape);
  float* to = values.mutable_data<float>();
  const bool channels_last = layout.channel_axis + 1 == shape.size();
  for (int64_t i = 0; i < values.size(); ++i) {
    const float value = channels_last
                            ? planes.at(i % channels, i / channels / planes.width, i / channels % planes.width)
                            : planes.values[static_cast<size_t>(i)];
    to[i] = bytes_wanted ? std::round(value) : value / 255.0f;
  }
  Tensor result(port.dtype, shape);
  ops::narrow_loop(DType::f32, port.dtype)(to, result.mutable_raw(), result.size(), {});
  return result;
}

}  // namespace kiln::cli
