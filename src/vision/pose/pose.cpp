#include "kiln/vision/pose.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "kiln/vision/draw.hpp"
#include "vision/network/names.hpp"
#include "vision/network/picture_network.hpp"
#include "vision/pose/pose_inputs.hpp"
#include "vision/pose/pose_outputs.hpp"

namespace kiln::vision {

namespace {

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
  /// Left, top, width and height of what is seen.
  std::array<float, 4> rectangle(const InputFormat& format) const {
    return {static_cast<float>(left), static_cast<float>(top),
            static_cast<float>(scale * static_cast<double>(format.width)),
            static_cast<float>(scale * static_cast<double>(format.height))};
  }
};

}  // namespace

struct Pose::Impl {
  PictureNetwork network;
  PoseOptions options;
  std::vector<std::string> names;
  std::vector<std::pair<size_t, size_t>> skeleton;  ///< of the metadata
  PoseInputs inputs;
  FlipPairs flip_pairs;

  Camera camera_for(const PictureView& picture) const {
    return options.camera.value_or(plain_camera(picture.width, picture.height));
  }
  PoseOutputs look(Tensor input, const Session::Feeds& more);
  std::vector<Joint> place(const PoseOutputs& outputs, const Part& part, const Camera& camera) const;
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

std::vector<std::string> coco_list() { return {coco_names.begin(), coco_names.end()}; }

/// Each row of the three planes backwards.
Tensor mirror(const Tensor& input) {
  Tensor result(DType::f32, input.shape());
  const int64_t width = input.shape()[3];
  const float* from = input.data<float>();
  float* to = result.mutable_data<float>();
  for (int64_t row = 0; row < input.size() / width; ++row) {
    std::reverse_copy(from + row * width, from + (row + 1) * width, to + row * width);
  }
  return result;
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
  PictureNetwork network(std::move(model), "pose network", 256, PictureNetwork::More::anything);
  network.use(options.levels.value_or(imagenet_levels));
  std::vector<std::string> names = names_of(network.info(), options.names);
  const std::string* lines = metadata_of(network.info(), "skeleton");
  const std::string* pairs = metadata_of(network.info(), "flip_pairs");
  PoseInputs inputs(network.session().inputs(), options);
  if (options.flip && !inputs.empty()) {
    fail(ErrorCode::invalid_argument, "a pose network that takes more than the picture cannot be shown it mirrored");
  }
  FlipPairs flip_pairs = pairs ? pairs_in(*pairs) : pairs_by_name(names.empty() ? coco_list() : names);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), options, std::move(names),
                                      lines ? pairs_in(*lines) : decltype(Impl::skeleton)(), std::move(inputs),
                                      std::move(flip_pairs)});
}

PoseOutputs Pose::Impl::look(Tensor input, const Session::Feeds& more) {
  const auto found = network.run(std::move(input), more);
  PoseOutputs outputs = sort_outputs(found);
  if (outputs.joints > 0) return outputs;
  std::vector<Tensor> floats;
  for (const auto& [name, tensor] : found) {
    if (tensor.dtype() == DType::f32) floats.push_back(tensor);
  }
  network.refuse(floats,
                 "heat maps f32[1,joints,height,width], scores along x, y and perhaps z: f32[1,joints,n] each, or "
                 "places in space f32[1,joints,3]");
}

/// Joints in the picture's pixels.
std::vector<Joint> Pose::Impl::place(const PoseOutputs& outputs, const Part& part, const Camera& camera) const {
  const InputFormat& format = network.format();
  std::vector<Joint> joints =
      joints_of(outputs, static_cast<float>(format.width), static_cast<float>(format.height), options.refinement);
  const bool projected = !outputs.maps && outputs.axes.empty() && inputs.has_camera();
  for (Joint& joint : joints) {
    if (projected) {
      const float by_depth = joint.z != 0 ? 1 / joint.z : 0;
      joint.x = camera.focal_x * joint.x * by_depth + camera.centre_x;
      joint.y = camera.focal_y * joint.y * by_depth + camera.centre_y;
    } else {
      joint.x = static_cast<float>(joint.x * part.scale + part.left);
      joint.y = static_cast<float>(joint.y * part.scale + part.top);
    }
  }
  return joints;
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
    Tensor input = network.prepare_seen(picture, part.projection());
    std::optional<Tensor> mirrored;
    if (impl_->options.flip) mirrored = mirror(input);
    spent.preprocess += watch.lap();
    const Camera camera = impl_->camera_for(picture);
    const Session::Feeds more = impl_->inputs.feeds(part.rectangle(network.format()), camera);
    PoseOutputs outputs = impl_->look(std::move(input), more);
    std::optional<PoseOutputs> of_mirrored;
    if (mirrored) of_mirrored = impl_->look(std::move(*mirrored), more);
    spent.network += watch.lap();
    if (of_mirrored) add_mirrored(outputs, *of_mirrored, impl_->flip_pairs);
    Person person{box, impl_->place(outputs, part, camera), outputs.space};
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
  const auto shown = [&](size_t i) { return joints[i].score >= least && std::isfinite(joints[i].x + joints[i].y); };
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
