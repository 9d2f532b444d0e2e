#include "vision/pose/pose_outputs.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "vision/pose/decode.hpp"
#include "vision/pose/pose_inputs.hpp"

namespace kiln::vision {

namespace {

using Named = std::pair<std::string, Tensor>;

bool is_filled_float(const Tensor& tensor) { return tensor.dtype() == DType::f32 && tensor.size() > 0; }

/// Scores along an axis, which are more than the numbers of a place.
bool is_axis(const Tensor& tensor, int64_t joints) {
  constexpr int64_t least = 8;
  return tensor.rank() == 3 && tensor.shape()[0] == 1 && tensor.shape()[1] == joints && tensor.shape()[2] >= least;
}

/// Whether it is [1, joints, 3] or [1, 3, joints]; `joints` of 0 are as many as there are.
bool is_space(const Tensor& tensor, int64_t& joints) {
  if (tensor.rank() != 3 || tensor.shape()[0] != 1) return false;
  const int64_t rows = tensor.shape()[1], columns = tensor.shape()[2];
  const int64_t found = columns == 3 ? rows : rows == 3 ? columns : 0;
  if (found == 0 || (joints != 0 && found != joints)) return false;
  joints = found;
  return true;
}

std::vector<std::array<float, 3>> read_space(const Tensor& tensor, int64_t joints) {
  const float* values = tensor.data<float>();
  const bool rows = tensor.shape()[2] == 3 && tensor.shape()[1] == joints;
  std::vector<std::array<float, 3>> space(static_cast<size_t>(joints));
  for (int64_t k = 0; k < joints; ++k) {
    for (int64_t c = 0; c < 3; ++c) {
      space[static_cast<size_t>(k)][static_cast<size_t>(c)] = values[rows ? 3 * k + c : c * joints + k];
    }
  }
  return space;
}

/// The output with a number for each joint whose name says what it is.
std::vector<float> read_list(const std::vector<Named>& outputs, int64_t joints,
                             std::initializer_list<std::string_view> words) {
  for (const auto& [name, tensor] : outputs) {
    if (!is_filled_float(tensor) || tensor.size() != joints || tensor.rank() > 3 || !mentions(name, words)) continue;
    return {tensor.data<float>(), tensor.data<float>() + joints};
  }
  return {};
}

std::vector<size_t> mirrored_order(int64_t joints, const FlipPairs& pairs) {
  std::vector<size_t> order(static_cast<size_t>(joints));
  std::iota(order.begin(), order.end(), size_t{0});
  for (const auto& [a, b] : pairs) {
    if (a < order.size() && b < order.size()) std::swap(order[a], order[b]);
  }
  return order;
}

/// The mean of rows and of the other's, which are read backwards where `turned`: joints of `lines` rows each.
void add_rows(Tensor& to, const Tensor& from, const std::vector<size_t>& order, bool turned) {
  const int64_t width = to.shape().back();
  const int64_t lines = to.size() / width / static_cast<int64_t>(order.size());
  float* const out = to.mutable_data<float>();
  const float* const in = from.data<float>();
  for (size_t k = 0; k < order.size(); ++k) {
    for (int64_t line = 0; line < lines; ++line) {
      float* const row = out + (static_cast<int64_t>(k) * lines + line) * width;
      const float* const other = in + (static_cast<int64_t>(order[k]) * lines + line) * width;
      for (int64_t x = 0; x < width; ++x) row[x] = (row[x] + other[turned ? width - 1 - x : x]) / 2;
    }
  }
}

void require_equal(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) {
    fail(ErrorCode::invalid_argument, "the pose network gave {} for a picture and {} for it mirrored",
         to_string(a.shape()), to_string(b.shape()));
  }
}

std::vector<Joint> joints_of_axes(const std::vector<Tensor>& axes, int64_t joints, float width, float height) {
  std::vector<std::vector<AxisPeak>> peaks;
  for (const Tensor& axis : axes) peaks.push_back(decode_axis(axis.data<float>(), joints, axis.shape()[2]));
  std::vector<Joint> result(static_cast<size_t>(joints));
  for (size_t k = 0; k < result.size(); ++k) {
    const auto part = [&](size_t axis) {
      return static_cast<float>(peaks[axis][k].index) / static_cast<float>(axes[axis].shape()[2]);
    };
    result[k] = {part(0) * width, part(1) * height, 0, std::min(peaks[0][k].score, peaks[1][k].score)};
    if (axes.size() == 3) result[k].z = 2 * part(2) - 1;
  }
  return result;
}

}  // namespace

PoseOutputs sort_outputs(const std::vector<Named>& outputs) {
  PoseOutputs sorted;
  std::vector<Named> floats;
  for (const Named& output : outputs) {
    if (is_filled_float(output.second)) floats.push_back(output);
  }
  for (const auto& [name, tensor] : floats) {
    if (!sorted.maps && tensor.rank() == 4 && tensor.shape()[0] == 1) sorted.maps = tensor;
  }
  if (sorted.maps) sorted.joints = sorted.maps->shape()[1];
  const int64_t joints = !floats.empty() && floats[0].second.rank() == 3 ? floats[0].second.shape()[1] : 0;
  const bool axes =
      !sorted.maps && (floats.size() == 2 || floats.size() == 3) &&
      std::all_of(floats.begin(), floats.end(), [&](const Named& output) { return is_axis(output.second, joints); });
  if (axes) {
    for (const Named& output : floats) sorted.axes.push_back(output.second);
    sorted.joints = sorted.axes[0].shape()[1];
    return sorted;
  }
  for (const auto& [name, tensor] : floats) {
    if (sorted.space.empty() && is_space(tensor, sorted.joints)) sorted.space = read_space(tensor, sorted.joints);
  }
  if (sorted.joints > 0) {
    sorted.depths = read_list(floats, sorted.joints, {"depth"});
    sorted.scores = read_list(floats, sorted.joints, {"conf", "score", "visib"});
  }
  return sorted;
}

FlipPairs pairs_by_name(const std::vector<std::string>& names) {
  FlipPairs pairs;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t at = names[i].find("left");
    if (at == std::string::npos) continue;
    std::string other = names[i];
    other.replace(at, 4, "right");
    const auto found = std::find(names.begin(), names.end(), other);
    if (found != names.end()) pairs.emplace_back(i, static_cast<size_t>(found - names.begin()));
  }
  return pairs;
}

void add_mirrored(PoseOutputs& outputs, const PoseOutputs& mirrored, const FlipPairs& pairs) {
  const std::vector<size_t> order = mirrored_order(outputs.joints, pairs);
  if (outputs.maps) {
    require_equal(*outputs.maps, *mirrored.maps);
    add_rows(*outputs.maps, *mirrored.maps, order, true);
  }
  for (size_t axis = 0; axis < outputs.axes.size(); ++axis) {
    require_equal(outputs.axes[axis], mirrored.axes[axis]);
    add_rows(outputs.axes[axis], mirrored.axes[axis], order, axis == 0);
  }
  const auto add_list = [&](std::vector<float>& to, const std::vector<float>& from) {
    for (size_t k = 0; k < std::min(to.size(), from.size()); ++k) to[k] = (to[k] + from[order[k]]) / 2;
  };
  add_list(outputs.depths, mirrored.depths);
  add_list(outputs.scores, mirrored.scores);
}

std::vector<Joint> joints_of(const PoseOutputs& outputs, float width, float height, Refinement refinement) {
  std::vector<Joint> joints(static_cast<size_t>(outputs.joints));
  if (!outputs.axes.empty()) {
    joints = joints_of_axes(outputs.axes, outputs.joints, width, height);
  } else if (outputs.maps) {
    const Shape& shape = outputs.maps->shape();
    joints = decode_heat_maps(outputs.maps->data<float>(), shape[1], shape[2], shape[3], refinement);
    for (Joint& joint : joints) {
      joint.x *= width / static_cast<float>(shape[3]);
      joint.y *= height / static_cast<float>(shape[2]);
    }
  } else {
    for (size_t k = 0; k < joints.size(); ++k) {
      joints[k] = {outputs.space[k][0], outputs.space[k][1], outputs.space[k][2], 1};
    }
  }
  for (size_t k = 0; k < joints.size(); ++k) {
    if (!outputs.space.empty()) joints[k].z = outputs.space[k][2];
    if (!outputs.depths.empty()) joints[k].z = outputs.depths[k];
    if (!outputs.scores.empty()) joints[k].score = outputs.scores[k];
  }
  return joints;
}

}  // namespace kiln::vision
