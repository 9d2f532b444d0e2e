#include "kiln/vision/ocr.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/preprocess.hpp"
#include "vision/ocr/ctc.hpp"
#include "vision/ocr/text_boxes.hpp"

namespace kiln::vision {

namespace {

constexpr int64_t line_height = 48;

/// All three networks take blue first, from -1 to 1; what lies around a picture is zero.
InputFormat format_of(int64_t width, int64_t height, Fit fit) {
  return {.width = width,
          .height = height,
          .fit = fit,
          .bgr = true,
          .mean = {0.5f, 0.5f, 0.5f},
          .deviation = {0.5f, 0.5f, 0.5f},
          .fill = 127.5f};
}

Tensor run_one(Session& session, Tensor input) {
  return session.run({{session.inputs()[0].name, std::move(input)}}, {session.outputs()[0].name})[0].tensor();
}

/// Whole multiples of 32, at least one.
int64_t multiple_of_32(int64_t side) { return std::max<int64_t>(32, std::llrint(static_cast<double>(side) / 32) * 32); }

/// A picture as the networks see it, and the way back to its own pixels.
struct Scene {
  Picture owned;  ///< where it had to be changed
  PictureView view;
  double scale_x = 1, scale_y = 1;  ///< its own pixels for each of these
  double top = 0;                   ///< rows that were put above

  void replace(Picture picture) {
    owned = std::move(picture);
    view = owned;
  }
  void scale_to(int64_t width, int64_t height) {
    scale_x *= static_cast<double>(view.width) / static_cast<double>(width);
    scale_y *= static_cast<double>(view.height) / static_cast<double>(height);
    replace(resize(view, width, height));
  }
};

void scale_by(Scene& scene, double ratio) {
  const auto scaled = [&](int64_t side) {
    return multiple_of_32(static_cast<int64_t>(static_cast<double>(side) * ratio));
  };
  scene.scale_to(scaled(scene.view.width), scaled(scene.view.height));
}

/// Reduces what is too large, enlarges what is too small, and puts black above and below what is too flat.
Scene prepare_scene(const PictureView& picture, const OcrOptions& options) {
  Scene scene{.view = picture};
  const int64_t longer = std::max(picture.width, picture.height);
  if (longer > options.longest_side) {
    scale_by(scene, static_cast<double>(options.longest_side) / static_cast<double>(longer));
  }
  constexpr int64_t least = 30, flattest = 8;
  const int64_t shorter = std::min(scene.view.width, scene.view.height);
  if (shorter < least) scale_by(scene, static_cast<double>(least) / static_cast<double>(shorter));
  const int64_t width = scene.view.width, height = scene.view.height;
  if (height <= least || width > flattest * height) {
    const int64_t wanted = 2 * std::max(width / flattest, least), padding = std::abs(wanted - height) / 2;
    Picture padded(width, height + 2 * padding);
    for (int64_t y = 0; y < height; ++y) std::copy_n(scene.view.row(y), 3 * width, padded.row(y + padding));
    scene.replace(std::move(padded));
    scene.top = static_cast<double>(padding);
  }
  return scene;
}

/// The line in a box, upright as far as the box tells: higher than wide is turned against the clock.
Picture cut_out(const PictureView& picture, const Quad& box) {
  const auto length = [](const Point& a, const Point& b) { return std::hypot(a.x - b.x, a.y - b.y); };
  const auto width = static_cast<int64_t>(std::max(length(box[0], box[1]), length(box[2], box[3])));
  const auto height = static_cast<int64_t>(std::max(length(box[0], box[3]), length(box[1], box[2])));
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  std::array<std::array<float, 2>, 4> corners;
  for (size_t i = 0; i < 4; ++i) corners[i] = {box[i].x, box[i].y};
  std::array<std::array<float, 2>, 4> seen{{{0, 0}, {w, 0}, {w, h}, {0, h}}};
  const bool upended = static_cast<double>(height) / static_cast<double>(width) >= 1.5;
  if (upended) seen = {{{0, w - 1}, {0, -1}, {h, -1}, {h, w - 1}}};
  const WarpOptions how{.sampling = Sampling::cubic, .replicate = true};
  return warp(picture, projection_between(seen, corners), upended ? height : width, upended ? width : height, how);
}

void turn_around(Picture& picture) {
  const int64_t count = picture.width() * picture.height();
  uint8_t* pixels = picture.row(0);
  for (int64_t i = 0; i < count / 2; ++i)
    std::swap_ranges(pixels + 3 * i, pixels + 3 * i + 3, pixels + 3 * (count - 1 - i));
}

double ratio_of(const Picture& line) { return static_cast<double>(line.width()) / static_cast<double>(line.height()); }

/// The lines in batches, narrow ones first.
template <class Use>
void for_batches(const std::vector<Picture>& lines, int64_t size, const Use& use) {
  std::vector<size_t> order(lines.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return ratio_of(lines[a]) < ratio_of(lines[b]); });
  for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(size)) {
    use(std::span(order).subspan(begin, std::min(static_cast<size_t>(size), order.size() - begin)));
  }
}

/// A batch of lines, each as wide as its height allows, at the left.
Tensor batch_of(const std::vector<Picture>& lines, std::span<const size_t> chosen, int64_t width) {
  Tensor batch(DType::f32, {static_cast<int64_t>(chosen.size()), 3, line_height, width});
  const InputFormat format = format_of(width, line_height, Fit::corner);
  for (size_t i = 0; i < chosen.size(); ++i) {
    const Picture& line = lines[chosen[i]];
    const auto wanted = static_cast<int64_t>(std::ceil(static_cast<double>(line_height) * ratio_of(line)));
    prepare_into(batch, static_cast<int64_t>(i), line, format, {0, 0, std::min(wanted, width), line_height});
  }
  return batch;
}

}  // namespace

struct Ocr::Impl {
  OcrOptions options;
  std::optional<Session> detector, classifier, recogniser;
  std::vector<std::string> characters;  ///< with the blank before and the space after

  void take(Session session);
  void find_characters();
  std::vector<Quad> detect(const PictureView& picture, OcrTimes& times);
  void turn_lines(std::vector<Picture>& lines);
  std::vector<DecodedText> recognise(const std::vector<Picture>& lines);
};

void Ocr::Impl::take(Session session) {
  if (session.inputs().size() != 1 || session.outputs().empty()) {
    fail(ErrorCode::invalid_argument, "a network of OCR has {} inputs and {} outputs, expected one picture in",
         session.inputs().size(), session.outputs().size());
  }
  const PortInfo output = session.outputs()[0];
  const size_t rank = output.has_shape ? output.shape.size() : 0;
  std::optional<Session>* const place = rank == 4   ? &detector
                                        : rank == 3 ? &recogniser
                                        : rank == 2 ? &classifier
                                                    : nullptr;
  if (!place) {
    fail(ErrorCode::invalid_argument,
         "output '{}' has rank {}, expected 4 of a detector, 3 of a recogniser or 2 of a classifier", output.name,
         rank);
  }
  if (*place) fail(ErrorCode::invalid_argument, "two networks of OCR have outputs of rank {}", rank);
  *place = std::move(session);
}

void Ocr::Impl::find_characters() {
  characters = options.characters;
  for (const auto& [key, text] : recogniser->info().metadata) {
    if (characters.empty() && key == "character") characters = split_lines(text);
  }
  if (characters.empty()) {
    fail(ErrorCode::invalid_argument, "the recogniser's metadata have no 'character': give its characters");
  }
  characters.insert(characters.begin(), "");
  characters.emplace_back(" ");
}

std::vector<Quad> Ocr::Impl::detect(const PictureView& picture, OcrTimes& times) {
  Timer watch;
  const int64_t shorter = std::min(picture.width, picture.height);
  const double ratio = std::max(1.0, static_cast<double>(options.shortest_side) / static_cast<double>(shorter));
  const auto side = [&](int64_t length) {
    return multiple_of_32(static_cast<int64_t>(static_cast<double>(length) * ratio));
  };
  const int64_t width = side(picture.width), height = side(picture.height);
  Tensor input(DType::f32, {1, 3, height, width});
  prepare_into(input, 0, picture, format_of(width, height, Fit::stretch));
  times.preprocess += watch.lap();
  const Tensor map = run_one(*detector, std::move(input));
  times.detect = watch.lap();
  if (map.dtype() != DType::f32 || map.rank() != 4 || map.shape()[0] != 1 || map.shape()[1] != 1) {
    fail(ErrorCode::invalid_argument, "the detector gave {} {}, expected f32 [1,1,h,w]", dtype_name(map.dtype()),
         to_string(map.shape()));
  }
  std::vector<Quad> boxes =
      find_text_boxes(map.data<float>(), map.shape()[3], map.shape()[2], picture.width, picture.height, options);
  sort_for_reading(boxes);
  times.find_boxes = watch.lap();
  return boxes;
}

void Ocr::Impl::turn_lines(std::vector<Picture>& lines) {
  constexpr int64_t width = 192;
  for_batches(lines, options.batch, [&](std::span<const size_t> chosen) {
    const Tensor scores = run_one(*classifier, batch_of(lines, chosen, width));
    if (scores.dtype() != DType::f32 || scores.shape() != Shape{static_cast<int64_t>(chosen.size()), 2}) {
      fail(ErrorCode::invalid_argument, "the classifier gave {} {} for {} lines, expected f32 [{},2]",
           dtype_name(scores.dtype()), to_string(scores.shape()), chosen.size(), chosen.size());
    }
    for (size_t i = 0; i < chosen.size(); ++i) {
      const float* score = scores.data<float>() + 2 * i;
      if (score[1] > score[0] && score[1] > options.turn_threshold) turn_around(lines[chosen[i]]);
    }
  });
}

std::vector<DecodedText> Ocr::Impl::recognise(const std::vector<Picture>& lines) {
  std::vector<DecodedText> texts(lines.size());
  for_batches(lines, options.batch, [&](std::span<const size_t> chosen) {
    // As wide as the widest, and never narrower than this.
    double ratio = 320.0 / line_height;
    for (const size_t i : chosen) ratio = std::max(ratio, ratio_of(lines[i]));
    const auto width = static_cast<int64_t>(line_height * ratio);
    const Tensor scores = run_one(*recogniser, batch_of(lines, chosen, width));
    const Shape& shape = scores.shape();
    if (scores.dtype() != DType::f32 || shape.size() != 3 || shape[0] != static_cast<int64_t>(chosen.size()) ||
        shape[2] != static_cast<int64_t>(characters.size())) {
      fail(ErrorCode::invalid_argument,
           "the recogniser gave {} {} for {} lines, expected f32 [{},steps,{}]: one class "
           "for each of its {} characters, the blank and the space",
           dtype_name(scores.dtype()), to_string(shape), chosen.size(), chosen.size(), characters.size(),
           characters.size() - 2);
    }
    for (size_t i = 0; i < chosen.size(); ++i) {
      const float* of_line = scores.data<float>() + static_cast<int64_t>(i) * shape[1] * shape[2];
      texts[chosen[i]] = decode_ctc(of_line, shape[1], characters);
    }
  });
  return texts;
}

Ocr::Ocr(std::vector<Session> models, const OcrOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  constexpr int64_t least_side = 32, most_side = 1 << 20;
  const auto is_side = [&](int64_t side) { return side >= least_side && side <= most_side; };
  if (options.batch < 1 || !is_side(options.longest_side) || !is_side(options.shortest_side)) {
    fail(ErrorCode::invalid_argument,
         "OCR with batches of {} and sides from {} to {}: batches of at least 1 and sides from {} to {} are expected",
         options.batch, options.shortest_side, options.longest_side, least_side, most_side);
  }
  constexpr float most_unclip = 100;
  if (!(options.unclip_ratio >= 0 && options.unclip_ratio <= most_unclip)) {
    fail(ErrorCode::invalid_argument, "boxes of text grow by a ratio of {}, expected 0 to {}", options.unclip_ratio,
         most_unclip);
  }
  for (Session& model : models) impl_->take(std::move(model));
  if (!impl_->detector || !impl_->recogniser) {
    fail(ErrorCode::invalid_argument, "OCR needs a {}: none of its networks has an output of rank {}",
         impl_->detector ? "recogniser" : "detector", impl_->detector ? 3 : 4);
  }
  impl_->find_characters();
}

Ocr::Ocr(Ocr&&) noexcept = default;
Ocr& Ocr::operator=(Ocr&&) noexcept = default;
Ocr::~Ocr() = default;

std::vector<TextLine> Ocr::read(const PictureView& picture, OcrTimes* times) {
  OcrTimes own;
  OcrTimes& spent = times ? *times : own;
  spent = {};
  if (picture.width < 1 || picture.height < 1) fail(ErrorCode::invalid_argument, "the picture has no pixels");
  Timer watch;
  const Scene scene = prepare_scene(picture, impl_->options);
  spent.preprocess = watch.lap();
  const std::vector<Quad> boxes = impl_->detect(scene.view, spent);
  watch.lap();
  std::vector<Picture> lines;
  for (const Quad& box : boxes) lines.push_back(cut_out(scene.view, box));
  spent.crop = watch.lap();
  if (impl_->classifier) impl_->turn_lines(lines);
  spent.classify = watch.lap();
  const std::vector<DecodedText> texts = impl_->recognise(lines);
  spent.recognise = watch.lap();

  std::vector<TextLine> result;
  for (size_t i = 0; i < boxes.size(); ++i) {
    if (!(texts[i].score >= impl_->options.text_threshold)) continue;
    Quad box = boxes[i];
    for (Point& p : box) {
      p.x = std::clamp(static_cast<float>(p.x * scene.scale_x), 0.0f, static_cast<float>(picture.width));
      p.y = std::clamp(static_cast<float>((p.y - scene.top) * scene.scale_y), 0.0f, static_cast<float>(picture.height));
    }
    result.push_back({box, texts[i].text, texts[i].score});
  }
  return result;
}

}  // namespace kiln::vision
