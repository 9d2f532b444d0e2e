#include "kiln/vision/segmenter.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/draw.hpp"
#include "vision/network/names.hpp"
#include "vision/network/picture_network.hpp"
#include "vision/segment/class_map.hpp"

namespace kiln::vision {

struct Segmenter::Impl {
  PictureNetwork network;
  SegmenterOptions options;
  std::vector<std::string> names;
};

namespace {

/// Scores of classes, or the classes themselves.
struct ClassMap {
  Tensor tensor;
  bool scores = false;
  int64_t classes = 1, height = 0, width = 0;
};

bool is_whole(DType dtype) { return dtype == DType::i64 || dtype == DType::i32 || dtype == DType::u8; }

ClassMap map_in(PictureNetwork& network, const std::vector<std::pair<std::string, Tensor>>& outputs) {
  // What comes after the first helps in training only.
  const Tensor& first = outputs[0].second;
  const Shape& shape = first.shape();
  constexpr int64_t most_classes = 65536;
  if (first.size() > 0 && shape[0] == 1) {
    if (shape.size() == 4 && first.dtype() == DType::f32 && shape[1] <= most_classes) {
      return {first, true, shape[1], shape[2], shape[3]};
    }
    if (shape.size() == 4 && is_whole(first.dtype()) && shape[1] == 1) return {first, false, 1, shape[2], shape[3]};
    if (shape.size() == 3 && is_whole(first.dtype())) return {first, false, 1, shape[1], shape[2]};
  }
  network.refuse({first}, "f32[1,classes,height,width], or classes as i64, i32 or u8 [1,height,width]");
}

}  // namespace

Segmenter::Segmenter(Session model, const SegmenterOptions& options) {
  if (!(options.threshold > 0 && options.threshold < 1)) {
    fail(ErrorCode::invalid_argument, "the threshold is {}, expected a number between 0 and 1", options.threshold);
  }
  PictureNetwork network(std::move(model), "segmenter", options.side);
  network.use(options.levels.value_or(imagenet_levels));
  network.use(options.fit);
  std::vector<std::string> names = names_of(network.info(), options.names);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), options, std::move(names)});
}

Segmenter::Segmenter(Segmenter&&) noexcept = default;
Segmenter& Segmenter::operator=(Segmenter&&) noexcept = default;
Segmenter::~Segmenter() = default;

std::string Segmenter::name_of(int64_t class_index) const { return name_at(impl_->names, class_index); }

Segmentation Segmenter::segment(const PictureView& picture, Times* times) {
  Times own;
  Times& spent = times ? *times : own;
  Timer watch;
  PictureNetwork& network = impl_->network;
  const InputFormat& format = network.format();
  auto [input, place] = network.prepare(picture);
  spent.preprocess = watch.lap();
  const ClassMap map = map_in(network, network.run(std::move(input)));
  spent.network = watch.lap();
  if (const auto named = static_cast<int64_t>(impl_->names.size());
      map.scores && map.classes > 1 && named > map.classes) {
    fail(ErrorCode::invalid_argument, "the segmenter gave {} for {} classes, but {} are named",
         to_string(map.tensor.shape()), map.classes, named);
  }
  const double down = static_cast<double>(map.height) / static_cast<double>(format.height);
  const double across = static_cast<double>(map.width) / static_cast<double>(format.width);
  const MapTaps rows(picture.height, place.scale_y * down, place.top * down, map.height);
  const MapTaps columns(picture.width, place.scale_x * across, place.left * across, map.width);
  Segmentation result{picture.width, picture.height, {}};
  result.classes.resize(static_cast<size_t>(picture.width * picture.height));
  if (map.scores) {
    best_classes(map.tensor.data<float>(), map.classes, map.height, map.width, rows, columns, impl_->options.threshold,
                 result);
  } else {
    nearest_classes(map.tensor, map.height, map.width, rows, columns, result);
  }
  spent.postprocess = watch.lap();
  return result;
}

void draw_segmentation(Picture& picture, const Segmentation& segmentation, double cover) {
  if (picture.width() != segmentation.width || picture.height() != segmentation.height ||
      3 * segmentation.classes.size() != picture.pixels().size()) {
    fail(ErrorCode::invalid_argument, "a segmentation of {} x {} pixels cannot be laid over a picture of {} x {}",
         segmentation.width, segmentation.height, picture.width(), picture.height());
  }
  const auto part = cover > 0 ? static_cast<int>(std::min(cover, 1.0) * 256) : 0;
  for (int64_t y = 0; y < picture.height(); ++y) {
    uint8_t* pixel = picture.row(y);
    for (int64_t x = 0; x < picture.width(); ++x, pixel += 3) {
      const uint16_t found = segmentation.class_at(x, y);
      if (found == 0) continue;
      const Colour colour = colour_of(found - 1u);
      const std::array<uint8_t, 3> levels{colour.red, colour.green, colour.blue};
      for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>((pixel[c] * (256 - part) + levels[c] * part) >> 8);
    }
  }
}

}  // namespace kiln::vision
