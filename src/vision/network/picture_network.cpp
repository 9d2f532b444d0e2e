#include "vision/network/picture_network.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/small_floats.hpp"
#include "vision/network/names.hpp"

namespace kiln::vision {

namespace {

Tensor to_float(const Tensor& tensor) {
  if (tensor.dtype() != DType::f16) return tensor;
  Tensor result(DType::f32, tensor.shape());
  std::copy_n(static_cast<const f16*>(tensor.raw()), tensor.size(), result.mutable_data<float>());
  return result;
}

Tensor to_half(const Tensor& tensor) {
  Tensor result(DType::f16, tensor.shape());
  const float* from = tensor.data<float>();
  auto* to = static_cast<f16*>(result.mutable_raw());
  for (int64_t i = 0; i < tensor.size(); ++i) to[i] = f16(from[i]);
  return result;
}

bool is_picture(const PortInfo& input) {
  const bool floats = input.dtype == DType::f32 || input.dtype == DType::f16;
  const auto may_be = [&](size_t axis, int64_t value) {
    return input.shape[axis].value == value || input.shape[axis].value == -1;
  };
  return floats && input.has_shape && input.shape.size() == 4 && may_be(0, 1) && may_be(1, 3);
}

/// What `kiln build --preprocess` leaves in the metadata: the fit and the size are of interest here.
bool read_preprocessing(const ModelInfo& info, const PortInfo& input, InputFormat& format) {
  const std::string* const text = metadata_of(info, "kiln.preprocess");
  if (!text || input.dtype != DType::u8 || !input.has_shape || input.shape.size() != 3) return false;
  if (text->starts_with("stretch")) format.fit = Fit::stretch;
  if (text->starts_with("corner")) format.fit = Fit::corner;
  const std::vector<int64_t> sides = whole_numbers_in(text->substr(text->rfind(',') + 1));
  if (sides.size() != 2) return false;
  format.width = sides[0];
  format.height = sides[1];
  return true;
}

Tensor pixels_of(const PictureView& picture) {
  Tensor tensor(DType::u8, {picture.height, picture.width, 3});
  uint8_t* to = tensor.mutable_data<uint8_t>();
  for (int64_t y = 0; y < picture.height; ++y) to = std::copy_n(picture.row(y), 3 * picture.width, to);
  return tensor;
}

std::string describe(const PortInfo& input) {
  std::string text(dtype_name(input.dtype));
  if (!input.has_shape) return text;
  text += '[';
  for (size_t i = 0; i < input.shape.size(); ++i) {
    const PortDim& dim = input.shape[i];
    text += (i == 0 ? "" : ",") + (dim.value >= 0 ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol);
  }
  return text + ']';
}

}  // namespace

PictureNetwork::PictureNetwork(Session session, std::string what, int64_t side, More more)
    : session_(std::move(session)), what_(std::move(what)) {
  const auto& inputs = session_.inputs();
  if (inputs.empty() || session_.outputs().empty()) {
    fail(ErrorCode::invalid_argument, "the {} has {} inputs and {} outputs, expected one picture in", what_,
         inputs.size(), session_.outputs().size());
  }
  takes_pictures_ = read_preprocessing(info(), inputs[0], format_);
  if (!takes_pictures_ && !is_picture(inputs[0])) {
    fail(ErrorCode::invalid_argument, "input '{}' of the {} is {}, expected f32 [1,3,height,width]", inputs[0].name,
         what_, describe(inputs[0]));
  }
  const auto is_sizes = [](const PortInfo& port) { return port.dtype == DType::i64; };
  if (more == More::size && (inputs.size() > 2 || (inputs.size() == 2 && !is_sizes(inputs[1])))) {
    fail(ErrorCode::invalid_argument,
         "the {} has {} inputs, expected one picture, or one and its width and height as i64 [1,2]", what_,
         inputs.size());
  }
  half_ = inputs[0].dtype == DType::f16;
  if (!takes_pictures_) find_size(side);
  constexpr int64_t longest = 1 << 16;
  if (format_.width < 1 || format_.height < 1 || format_.width > longest || format_.height > longest) {
    fail(ErrorCode::invalid_argument, "the {} takes pictures of {} x {} pixels, expected sides from 1 to {}", what_,
         format_.width, format_.height, longest);
  }
}

void PictureNetwork::find_size(int64_t side) {
  format_.width = format_.height = side;
  if (const std::string* text = metadata_of(info(), "imgsz")) {
    const std::vector<int64_t> sides = whole_numbers_in(*text);
    if (!sides.empty()) format_.height = sides.front();
    if (!sides.empty()) format_.width = sides.back();
  }
  const std::vector<PortDim>& shape = session_.inputs()[0].shape;
  if (shape[2].value > 0) format_.height = shape[2].value;
  if (shape[3].value > 0) format_.width = shape[3].value;
}

void PictureNetwork::use(Fit fit) {
  if (!takes_pictures_) format_.fit = fit;
}

void PictureNetwork::use(const Levels& levels) {
  format_.bgr = levels.bgr;
  format_.mean = levels.mean;
  format_.deviation = levels.deviation;
  format_.range = levels.range;
}

Tensor PictureNetwork::empty_input() const { return Tensor(DType::f32, {1, 3, format_.height, format_.width}); }

PictureNetwork::Prepared PictureNetwork::prepare(const PictureView& picture) const {
  if (!takes_pictures_) {
    Prepared prepared{empty_input(), {}};
    prepared.place = prepare_into(prepared.input, 0, picture, format_);
    return prepared;
  }
  const PlacedRectangle placed = fit_into(picture.width, picture.height, format_);
  return {pixels_of(picture), placement_of(picture.width, picture.height, placed)};
}

Tensor PictureNetwork::prepare_seen(const PictureView& picture, const Projection& places) const {
  if (takes_pictures_) return pixels_of(warp(picture, places, format_.width, format_.height));
  Tensor input = empty_input();
  warp_into(input, 0, picture, places, format_);
  return input;
}

std::vector<std::pair<std::string, Tensor>> PictureNetwork::run(Tensor input, const Session::Feeds& more) {
  const auto& inputs = session_.inputs();
  Session::Feeds feeds;
  feeds.emplace_back(inputs[0].name, half_ ? to_half(input) : std::move(input));
  feeds.insert(feeds.end(), more.begin(), more.end());
  if (inputs.size() > 1 && more.empty()) {
    feeds.emplace_back(inputs[1].name, Tensor::from<int64_t>({1, 2}, std::vector{format_.width, format_.height}));
  }
  const std::vector<Value> values = session_.run(feeds);
  std::vector<std::pair<std::string, Tensor>> outputs;
  for (size_t i = 0; i < values.size(); ++i) {
    outputs.emplace_back(session_.outputs()[i].name, to_float(values[i].tensor()));
  }
  return outputs;
}

std::vector<Tensor> PictureNetwork::run_for_floats(Tensor input) {
  std::vector<Tensor> floats;
  for (auto& [name, tensor] : run(std::move(input))) {
    if (tensor.dtype() == DType::f32) floats.push_back(std::move(tensor));
  }
  return floats;
}

void PictureNetwork::refuse(const std::vector<Tensor>& outputs, std::string_view expected) const {
  std::string found;
  for (const Tensor& output : outputs) {
    found += (found.empty() ? "" : ", ") + std::string(dtype_name(output.dtype())) + to_string(output.shape());
  }
  if (found.empty()) found = "no float tensor";
  fail(ErrorCode::invalid_argument, "the {} gave {}, expected {}", what_, found, expected);
}

PictureView middle_of(const PictureView& picture, int64_t width, int64_t height, double crop) {
  const double scale = crop * std::min(static_cast<double>(picture.width) / static_cast<double>(width),
                                       static_cast<double>(picture.height) / static_cast<double>(height));
  const auto part = [&](int64_t side, int64_t room) {
    return std::clamp<int64_t>(std::llrint(static_cast<double>(side) * scale), 1, room);
  };
  const int64_t w = part(width, picture.width), h = part(height, picture.height);
  return picture.part((picture.width - w) / 2, (picture.height - h) / 2, w, h);
}

Tensor prepare_middle(const PictureNetwork& network, const PictureView& picture, double crop) {
  if (picture.width < 1 || picture.height < 1) fail(ErrorCode::invalid_argument, "the picture has no pixels");
  const InputFormat& format = network.format();
  // Of the input's proportions, so that every fit fills it.
  return network.prepare(middle_of(picture, format.width, format.height, crop)).input;
}

void require_crop(double crop) {
  if (!(crop > 0 && crop <= 1)) {
    fail(ErrorCode::invalid_argument, "crop is {}, expected a part of the picture: more than 0, at most 1", crop);
  }
}

}  // namespace kiln::vision
