#include "kiln/vision/detector.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/preprocess.hpp"
#include "vision/detect/boxes.hpp"

namespace kiln::vision {

struct Detector::Impl {
  Session session;
  DetectorOptions options;
  InputFormat format;
};

namespace {

/// The first two numbers in a text such as "[640, 480]": height and width; nothing where there are none.
std::vector<int64_t> numbers_in(const std::string& text) {
  std::vector<int64_t> numbers;
  bool inside = false;
  for (const char letter : text) {
    const bool digit = letter >= '0' && letter <= '9';
    if (digit && !inside) numbers.push_back(0);
    if (digit) numbers.back() = std::min<int64_t>(numbers.back() * 10 + (letter - '0'), 1 << 20);
    inside = digit;
  }
  return numbers;
}

InputFormat format_of(const Session& session) {
  const PortInfo& input = session.inputs()[0];
  if (input.dtype != DType::f32 || !input.has_shape || input.shape.size() != 4 ||
      (input.shape[1].value != 3 && input.shape[1].value != -1)) {
    fail(ErrorCode::invalid_argument, "input '{}' of the detector is {}, expected f32 [1,3,height,width]", input.name,
         input.type);
  }
  InputFormat format;
  for (const auto& [key, text] : session.info().metadata) {
    if (key != "imgsz") continue;
    const std::vector<int64_t> sides = numbers_in(text);
    if (!sides.empty()) format.height = sides.front();
    if (!sides.empty()) format.width = sides.back();
  }
  if (input.shape[2].value > 0) format.height = input.shape[2].value;
  if (input.shape[3].value > 0) format.width = input.shape[3].value;
  return format;
}

}  // namespace

Detector::Detector(Session model, const DetectorOptions& options) {
  if (model.inputs().size() != 1 || model.outputs().empty()) {
    fail(ErrorCode::invalid_argument, "the detector has {} inputs and {} outputs, expected one picture in",
         model.inputs().size(), model.outputs().size());
  }
  const InputFormat format = format_of(model);
  impl_ = std::make_unique<Impl>(Impl{std::move(model), options, format});
  for (const auto& [key, text] : impl_->session.info().metadata) {
    if (options.names.empty() && key == "names") impl_->options.names = parse_names(text);
  }
}

Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;
Detector::~Detector() = default;

std::string Detector::name_of(int64_t class_index) const {
  const auto& names = impl_->options.names;
  const auto index = static_cast<size_t>(class_index);
  return index < names.size() && !names[index].empty() ? names[index] : std::to_string(class_index);
}

std::vector<Detection> Detector::detect(const PictureView& picture, DetectorTimes* times) {
  DetectorTimes own;
  DetectorTimes& spent = times ? *times : own;
  const DetectorOptions& options = impl_->options;
  Timer watch;
  const InputFormat& format = impl_->format;
  Tensor input(DType::f32, {1, 3, format.height, format.width});
  const Placement place = prepare_into(input, 0, picture, format);
  spent.preprocess = watch.lap();
  Session& session = impl_->session;
  const std::vector<Value> outputs =
      session.run({{session.inputs()[0].name, std::move(input)}}, {session.outputs()[0].name});
  spent.detect = watch.lap();
  const Tensor& output = outputs[0].tensor();
  std::vector<Detection> boxes =
      read_boxes(output, options.score_threshold, static_cast<int64_t>(options.names.size()));
  const bool finished = box_layout(output.shape()) == BoxLayout::finished;
  boxes = suppress(std::move(boxes), finished ? 1.0f : options.overlap_threshold, options.agnostic, options.most);
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
