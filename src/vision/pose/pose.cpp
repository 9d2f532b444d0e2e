#include "kiln/vision/pose.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/draw.hpp"
#include "vision/network/names.hpp"
#include "vision/network/picture_network.hpp"
#include "vision/pose/decode.hpp"

namespace kiln::vision {

struct Pose::Impl {
  PictureNetwork network;
  PoseOptions options;
  std::vector<std::string> names;
  std::vector<std::pair<size_t, size_t>> skeleton;  ///< of the metadata
};

namespace {

constexpr std::array<const char*, 17> coco_names{
    "nose",           "left eye",   "right eye",   "left ear",   "right ear",   "left shoulder",
    "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left hip",
    "right hip",      "left knee",  "right knee",  "left ankle", "right ankle"};
constexpr std::pair<size_t, size_t> coco_lines[]{{15, 13}, {13, 11}, {16, 14}, {14, 12}, {11, 12}, {5, 11}, {6, 12},
                                                 {5, 6},   {5, 7},   {6, 8},   {7, 9},   {8, 10},  {1, 2},  {0, 1},
                                                 {0, 2},   {1, 3},   {2, 4},   {3, 5},   {4, 6}};

/// COCO's, and the sets that begin with them: Halpe's 26 and the 133 of whole bodies.
bool begins_as_coco(size_t joints) { return joints == 17 || joints == 26 || joints == 133; }

/// The part of a picture that a network sees, in its proportions.
struct Part {
  double left, top, scale;  ///< picture pixels for each of the network's

  Part(const Detection& box, double padding, const InputFormat& format) {
    const double width = (double{box.right} - box.left) * padding, height = (double{box.bottom} - box.top) * padding;
    const auto across = static_cast<double>(format.width), down = static_cast<double>(format.height);
    scale = std::max(width / across, height / down);
    left = (double{box.left} + box.right) / 2 - scale * across / 2;
    top = (double{box.top} + box.bottom) / 2 - scale * down / 2;
  }
  Projection projection() const { return {scale, 0, left, 0, scale, top, 0, 0, 1}; }
};

bool is_axes(const std::vector<Tensor>& outputs) {
  if (outputs.size() < 2 || outputs.size() > 3) return false;
  return std::all_of(outputs.begin(), outputs.end(), [&](const Tensor& output) {
    return output.rank() == 3 && output.shape()[0] == 1 && output.shape()[1] == outputs[0].shape()[1] &&
           output.size() > 0;
  });
}

/// Joints in pixels of the network's input.
std::vector<Joint> joints_in(PictureNetwork& network, const std::vector<Tensor>& outputs, Refinement refinement) {
  const auto width = static_cast<float>(network.format().width), height = static_cast<float>(network.format().height);
  if (is_axes(outputs)) {
    const int64_t count = outputs[0].shape()[1];
    std::vector<std::vector<AxisPeak>> peaks;
    for (const Tensor& axis : outputs) peaks.push_back(decode_axis(axis.data<float>(), count, axis.shape()[2]));
    std::vector<Joint> joints(static_cast<size_t>(count));
    for (size_t k = 0; k < joints.size(); ++k) {
      const auto part = [&](size_t axis) {
        return static_cast<float>(peaks[axis][k].index) / static_cast<float>(outputs[axis].shape()[2]);
      };
      joints[k] = {part(0) * width, part(1) * height, 0, std::min(peaks[0][k].score, peaks[1][k].score)};
      if (outputs.size() == 3) joints[k].z = 2 * part(2) - 1;
    }
    return joints;
  }
  if (outputs.empty() || outputs[0].rank() != 4 || outputs[0].shape()[0] != 1 || outputs[0].size() == 0) {
    network.refuse(outputs,
                   "heat maps f32[1,joints,height,width], or scores along x, y and perhaps z: f32[1,joints,n] each");
  }
  const Shape& shape = outputs[0].shape();
  std::vector<Joint> joints = decode_heat_maps(outputs[0].data<float>(), shape[1], shape[2], shape[3], refinement);
  for (Joint& joint : joints) {
    joint.x *= width / static_cast<float>(shape[3]);
    joint.y *= height / static_cast<float>(shape[2]);
  }
  return joints;
}

std::vector<std::pair<size_t, size_t>> pairs_in(const std::string& text) {
  const std::vector<int64_t> numbers = whole_numbers_in(text);
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
    pairs.emplace_back(static_cast<size_t>(numbers[i]), static_cast<size_t>(numbers[i + 1]));
  }
  return pairs;
}

}  // namespace

Pose::Pose(Session model, const PoseOptions& options) {
  if (!(options.padding > 0 && options.padding <= 100)) {
    fail(ErrorCode::invalid_argument, "padding is {}, expected a factor from more than 0 to 100", options.padding);
  }
  PictureNetwork network(std::move(model), "pose network", 256);
  network.use(options.levels.value_or(imagenet_levels));
  std::vector<std::string> names = names_of(network.info(), options.names);
  const std::string* lines = metadata_of(network.info(), "skeleton");
  impl_ = std::make_unique<Impl>(
      Impl{std::move(network), options, std::move(names), lines ? pairs_in(*lines) : decltype(Impl::skeleton)()});
}

Pose::Pose(Pose&&) noexcept = default;
Pose& Pose::operator=(Pose&&) noexcept = default;
Pose::~Pose() = default;

std::string Pose::name_of(size_t joint) const {
  if (impl_->names.empty() && joint < coco_names.size()) return coco_names[joint];
  return name_at(impl_->names, static_cast<int64_t>(joint));
}

std::vector<std::pair<size_t, size_t>> Pose::skeleton(size_t joints) const {
  std::vector<std::pair<size_t, size_t>> lines = impl_->skeleton;
  if (lines.empty() && begins_as_coco(joints)) lines.assign(std::begin(coco_lines), std::end(coco_lines));
  std::erase_if(lines, [&](const auto& line) { return line.first >= joints || line.second >= joints; });
  return lines;
}

std::vector<Person> Pose::find(const PictureView& picture, std::span<const Detection> boxes, Times* times) {
  Times own;
  Times& spent = times ? *times : own;
  spent = {};
  PictureNetwork& network = impl_->network;
  std::vector<Person> people;
  for (const Detection& box : boxes) {
    if (!(box.right > box.left && box.bottom > box.top) ||
        !std::isfinite(box.left + box.right + box.top + box.bottom)) {
      fail(ErrorCode::invalid_argument, "the box from {}, {} to {}, {} holds nothing", box.left, box.top, box.right,
           box.bottom);
    }
    Timer watch;
    const Part part(box, impl_->options.padding, network.format());
    Tensor input = network.empty_input();
    warp_into(input, 0, picture, part.projection(), network.format());
    spent.preprocess += watch.lap();
    const std::vector<Tensor> outputs = network.run_for_floats(std::move(input));
    spent.network += watch.lap();
    Person person{box, joints_in(network, outputs, impl_->options.refinement)};
    for (Joint& joint : person.joints) {
      joint.x = static_cast<float>(joint.x * part.scale + part.left);
      joint.y = static_cast<float>(joint.y * part.scale + part.top);
    }
    people.push_back(std::move(person));
    spent.postprocess += watch.lap();
  }
  return people;
}

Person Pose::find(const PictureView& picture, Times* times) {
  const Detection whole{0, 0, static_cast<float>(picture.width), static_cast<float>(picture.height), 1, 0};
  return std::move(find(picture, std::span(&whole, 1), times)[0]);
}

void Pose::draw(Picture& picture, const Person& person, float least) const {
  const double width = line_width_for(picture);
  const auto& joints = person.joints;
  const auto shown = [&](size_t i) { return joints[i].score >= least; };
  const auto place = [&](size_t i) { return Point{joints[i].x, joints[i].y}; };
  const auto lines = skeleton(joints.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto [from, to] = lines[i];
    if (shown(from) && shown(to)) draw_line(picture, place(from), place(to), colour_of(i), width);
  }
  for (size_t i = 0; i < joints.size(); ++i) {
    if (shown(i)) draw_disc(picture, place(i), 1.5 * width, {255, 255, 255});
  }
}

}  // namespace kiln::vision
