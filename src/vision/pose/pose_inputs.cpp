#include "vision/pose/pose_inputs.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "base/small_floats.hpp"

namespace kiln::vision {

namespace {

/// What the model leaves open is a batch of one.
Shape shape_of(const PortInfo& input) {
  Shape shape;
  for (const PortDim& dim : input.shape) shape.push_back(std::max<int64_t>(dim.value, 1));
  return shape;
}

int64_t product(const Shape& shape) {
  constexpr int64_t most = 1 << 20;
  int64_t count = 1;
  for (const int64_t dim : shape) count = std::min(count * std::min(dim, most), most);
  return count;
}

Tensor tensor_of(DType dtype, const Shape& shape, const std::vector<float>& values) {
  Tensor tensor(dtype, shape);
  const auto fill = [&]<class T>(T* to) {
    for (const float value : values) *to++ = static_cast<T>(value);
  };
  switch (dtype) {
    case DType::f32: fill(tensor.mutable_data<float>()); break;
    case DType::f64: fill(tensor.mutable_data<double>()); break;
    case DType::i64: fill(tensor.mutable_data<int64_t>()); break;
    case DType::i32: fill(tensor.mutable_data<int32_t>()); break;
    default: fill(static_cast<f16*>(tensor.mutable_raw()));
  }
  return tensor;
}

}  // namespace

bool mentions(const std::string& name, std::initializer_list<std::string_view> words) {
  std::string lower = name;
  for (char& letter : lower) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return std::any_of(words.begin(), words.end(), [&](auto word) { return lower.find(word) != std::string::npos; });
}

PoseInputs::PoseInputs(const std::vector<PortInfo>& inputs, const PoseOptions& options)
    : corners_(options.box_corners) {
  for (size_t i = 1; i < inputs.size(); ++i) {
    const PortInfo& port = inputs[i];
    Input input{Kind::constant, port.name, port.dtype, shape_of(port), {}};
    const int64_t count = product(input.shape);
    const auto given = std::find_if(options.inputs.begin(), options.inputs.end(),
                                    [&](const auto& entry) { return entry.first == port.name; });
    constexpr std::array known{DType::f32, DType::f16, DType::f64, DType::i64, DType::i32};
    const bool numbers = std::find(known.begin(), known.end(), port.dtype) != known.end();
    if (numbers && given != options.inputs.end()) {
      input.values = given->second;
      if (static_cast<int64_t>(input.values.size()) != count) {
        fail(ErrorCode::invalid_argument, "input '{}' of the pose network takes {} numbers, found {}", port.name, count,
             input.values.size());
      }
    } else if (numbers && count == 4 && mentions(port.name, {"box", "roi"})) {
      input.kind = Kind::box;
    } else if (numbers && (count == 4 || count == 9) && mentions(port.name, {"intrin", "camera"})) {
      input.kind = Kind::camera;
    } else {
      fail(ErrorCode::invalid_argument,
           "input '{}' of the pose network, {} {}, is no box (four numbers) and no camera (four or nine) by its name: "
           "its values must be given",
           port.name, dtype_name(port.dtype), to_string(input.shape));
    }
    inputs_.push_back(std::move(input));
  }
  for (const auto& entry : options.inputs) {
    const std::string& name = entry.first;
    const bool known = std::any_of(inputs_.begin(), inputs_.end(), [&](const Input& in) { return in.name == name; });
    if (!known) fail(ErrorCode::not_found, "the pose network has no further input '{}'", name);
  }
}

bool PoseInputs::has_camera() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.kind == Kind::camera; });
}

Session::Feeds PoseInputs::feeds(const std::array<float, 4>& part, const Camera& camera) const {
  Session::Feeds feeds;
  for (const Input& input : inputs_) {
    std::vector<float> values = input.values;
    if (input.kind == Kind::box) {
      values.assign(part.begin(), part.end());
      if (corners_) {
        values[2] += values[0];
        values[3] += values[1];
      }
    } else if (input.kind == Kind::camera) {
      values = {camera.focal_x, camera.focal_y, camera.centre_x, camera.centre_y};
      if (product(input.shape) == 9) {
        values = {camera.focal_x, 0, camera.centre_x, 0, camera.focal_y, camera.centre_y, 0, 0, 1};
      }
    }
    feeds.emplace_back(input.name, tensor_of(input.dtype, input.shape, values));
  }
  return feeds;
}

Camera plain_camera(int64_t width, int64_t height) {
  const auto focal = static_cast<float>(std::max(width, height));
  return {focal, focal, static_cast<float>(width) / 2, static_cast<float>(height) / 2};
}

}  // namespace kiln::vision
