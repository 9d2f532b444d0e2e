#include "kiln/vision/detector.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/preprocess.hpp"
#include "vision/detect/boxes.hpp"
#include "vision/detect/heads.hpp"
#include "vision/network/names.hpp"
#include "vision/network/picture_network.hpp"

namespace kiln::vision {

struct Detector::Impl {
  PictureNetwork network;
  DetectorOptions options;
  HeadSettings settings;
};

namespace {

/// Whether the logits of a DETR, as its outputs state them, take a softmax.
bool states_softmax(const std::vector<PortInfo>& outputs, LogitKind kind, int64_t classes) {
  if (!states_detr(outputs)) return false;
  int64_t logits = 0;
  for (const PortInfo& port : outputs) {
    if (port.has_shape && port.shape.size() == 3 && port.shape[2].value != 4) logits = port.shape[2].value;
  }
  return takes_softmax(kind, logits, classes);
}

}  // namespace

Detector::Detector(Session model, const DetectorOptions& options) {
  PictureNetwork network(std::move(model), "detector", 640);
  DetectorOptions own = options;
  own.names = names_of(network.info(), options.names);
  if (own.anchors.empty()) {
    if (const std::string* text = metadata_of(network.info(), "anchors")) own.anchors = numbers_in(*text);
  }
  const auto classes = static_cast<int64_t>(own.names.size());
  const auto& outputs = network.session().outputs();
  const bool softmax = states_softmax(outputs, options.logits, classes);
  network.use(options.levels.value_or(softmax ? imagenet_levels : Levels()));
  const bool squeezed = states_lists(outputs) || network.session().inputs().size() > 1;
  network.use(options.fit.value_or(squeezed ? Fit::stretch : Fit::letterbox));
  const HeadSettings settings{.width = network.format().width,
                              .height = network.format().height,
                              .score_threshold = options.score_threshold,
                              .classes = classes,
                              .anchors = own.anchors,
                              .logits = options.logits};
  impl_ = std::make_unique<Impl>(Impl{std::move(network), std::move(own), settings});
}

Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;
Detector::~Detector() = default;

std::string Detector::name_of(int64_t class_index) const { return name_at(impl_->options.names, class_index); }

std::optional<int64_t> Detector::find_class(const std::string& name) const {
  const auto& names = impl_->options.names;
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? std::nullopt : std::optional<int64_t>(found - names.begin());
}

std::vector<Detection> Detector::detect(const PictureView& picture, Times* times) {
  Times own;
  Times& spent = times ? *times : own;
  const DetectorOptions& options = impl_->options;
  PictureNetwork& network = impl_->network;
  Timer watch;
  auto [input, place] = network.prepare(picture);
  spent.preprocess = watch.lap();
  const std::vector<NamedTensor> outputs = network.run(std::move(input));
  spent.network = watch.lap();
  const FoundBoxes found = read_heads(outputs, impl_->settings);
  std::vector<Detection> boxes =
      suppress(found.boxes, found.finished ? 1.0f : options.overlap_threshold, options.agnostic, options.most);
  const auto inside = [](double value, int64_t size) {
    return static_cast<float>(std::clamp(value, 0.0, static_cast<double>(size)));
  };
  for (Detection& box : boxes) {
    box.left = inside(place.picture_x(box.left), picture.width);
    box.right = inside(place.picture_x(box.right), picture.width);
    box.top = inside(place.picture_y(box.top), picture.height);
    box.bottom = inside(place.picture_y(box.bottom), picture.height);
  }
  spent.postprocess = watch.lap();
  return boxes;
}

}  // namespace kiln::vision
