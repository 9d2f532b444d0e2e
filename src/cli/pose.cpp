#include <fmt/core.h>

#include <optional>

#include "cli/commands.hpp"
#include "cli/usage_error.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/pose.hpp"

namespace kiln::cli {
namespace {

struct PoseArguments {
  PictureOptions pictures;
  LevelOptions levels;
  std::string refinement = "quarter";
  float joint_score = 0.3f;
  std::optional<int64_t> person_class;
  std::string camera;
  std::vector<std::string> inputs;
  vision::DetectorOptions detector;
  vision::PoseOptions pose;
};

using FoundPeople = std::vector<vision::Person>;

Json found_json(const vision::Pose& pose, const FoundPeople& found) {
  Json people = Json::array();
  for (const vision::Person& person : found) {
    Json joints = Json::array();
    for (size_t i = 0; i < person.joints.size(); ++i) {
      const vision::Joint& joint = person.joints[i];
      joints.push_back({{"name", pose.name_of(i)}, {"place", {joint.x, joint.y, joint.z}}, {"score", joint.score}});
    }
    const vision::Detection& box = person.box;
    people.push_back({{"box", {box.left, box.top, box.right, box.bottom}}, {"score", box.score}, {"joints", joints}});
    if (!person.space.empty()) people.back()["space"] = person.space;
  }
  return {{"people", people}};
}

void print_found(const vision::Pose& pose, const FoundPeople& found) {
  fmt::print("{} people\n", found.size());
  for (const vision::Person& person : found) {
    const vision::Detection& box = person.box;
    fmt::print("  {:.3f}  {:.0f},{:.0f} to {:.0f},{:.0f}\n", box.score, box.left, box.top, box.right, box.bottom);
    for (size_t i = 0; i < person.joints.size(); ++i) {
      const vision::Joint& joint = person.joints[i];
      fmt::print("    {:.3f}  {:<16} {:.1f},{:.1f}\n", joint.score, printable(pose.name_of(i)), joint.x, joint.y);
    }
  }
}

void draw(vision::Picture& picture, const vision::Pose& pose, const FoundPeople& found, float least) {
  for (const vision::Person& person : found) pose.draw(picture, person, least);
}

vision::Refinement refinement_of(const std::string& name) {
  if (name == "none") return vision::Refinement::none;
  return name == "taylor" ? vision::Refinement::taylor : vision::Refinement::quarter;
}

vision::Camera camera_of(const std::string& text) {
  const std::vector<float> numbers = read_numbers("--camera", text);
  if (numbers.size() != 4) fail_usage("--camera {}: expected four numbers, found {}", text, numbers.size());
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

/// NAME=1,2,3
std::pair<std::string, std::vector<float>> input_of(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) fail_usage("--input {}: expected NAME=NUMBER,...", text);
  return {text.substr(0, equals), read_numbers("--input", text.substr(equals + 1))};
}

/// The boxes of people; the whole picture where nobody looks for them.
std::vector<vision::Detection> find_people(std::optional<vision::Detector>& detector, const PoseArguments& options,
                                           const vision::Picture& picture, PartTimes& times) {
  if (!detector) {
    return {{0, 0, static_cast<float>(picture.width()), static_cast<float>(picture.height()), 1, 0}};
  }
  const Timer timer;
  const int64_t wanted = options.person_class.value_or(detector->find_class("person").value_or(0));
  std::vector<vision::Detection> people = detector->detect(picture);
  std::erase_if(people, [&](const vision::Detection& box) {
    return box.class_index != wanted || !(box.right > box.left && box.bottom > box.top);
  });
  times.emplace_back("find people", timer.milliseconds());
  return people;
}

int run(PoseArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  if (files.models.size() > 2) {
    fail_usage("a detector and a pose network are expected, or a pose network alone, found {} engines",
               files.models.size());
  }
  options.pose.levels = levels_of(options.levels);
  options.pose.refinement = refinement_of(options.refinement);
  if (!options.camera.empty()) options.pose.camera = camera_of(options.camera);
  for (const std::string& text : options.inputs) options.pose.inputs.push_back(input_of(text));
  std::optional<vision::Detector> detector;
  if (files.models.size() == 2) detector.emplace(Session::load(files.models[0]), options.detector);
  vision::Pose pose(Session::load(files.models.back()), options.pose);
  const PictureCommand<FoundPeople> command{
      .find =
          [&](const vision::Picture& picture, PartTimes& times) {
            const std::vector<vision::Detection> boxes = find_people(detector, options, picture, times);
            vision::Times spent;
            FoundPeople found = pose.find(picture, boxes, &spent);
            add_parts(times, spent, "find joints");
            return found;
          },
      .draw = [&](vision::Picture& picture,
                  const FoundPeople& found) { draw(picture, pose, found, options.joint_score); },
      .json = [&](const FoundPeople& found) { return found_json(pose, found); },
      .print = [&](const FoundPeople& found) { print_found(pose, found); }};
  return look_at_pictures(options.pictures, files.pictures, command);
}

}  // namespace

void add_pose(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("pose", "Finds the joints of people in pictures.");
  command->footer(R"(Engines: a detector, as for `kiln detect`, and a top-down pose network with heat maps
[1, joints, height, width] or with SimCC, scores along x, y and perhaps z, as RTMPose has them; in this order. Without a
detector the whole picture is one person. A network of 3-D poses may also take the part of the picture that it sees (an
input named as a box) and the camera (intrinsics), and give places in space, depths and scores beside its heat maps.

Examples:
  kiln pose yolo11n.onnx rtmpose-s.onnx street.jpg
  kiln pose yolo11n.kiln rtmpose-s.kiln street.jpg -o joints.jpg --show-time
  kiln pose hrnet.kiln cut_out.png --refinement taylor --flip --json
  kiln pose yolo11n.kiln space_pose.kiln street.jpg --camera 1200,1200,960,540 --json)");
  auto options = std::make_shared<PoseArguments>();
  add_picture_options(*command, options->pictures,
                      {.files = "engines or ONNX models, and pictures or folders of them",
                       .output = "draw joints into this picture, or folder for several",
                       .json = "print JSON: box and joints of each person, and times in ms"});
  add_threshold_option(*command, "--score", options->detector.score_threshold,
                       "the least score of a person (default 0.25)");
  add_threshold_option(*command, "--joint-score", options->joint_score,
                       "the least score of a joint that is drawn (default 0.3)");
  command
      ->add_option("--person-class", options->person_class,
                   "the detector's class of people (default: that named person, or 0)")
      ->type_name("N");
  command->add_option("--padding", options->pose.padding, "how much more than a box the network sees (default 1.25)")
      ->check(CLI::Range(0.1, 10.0))
      ->type_name("X");
  command
      ->add_option("--refinement", options->refinement,
                   "how peaks of heat maps are placed between pixels: none, quarter or taylor (default quarter)")
      ->check(CLI::IsMember({"none", "quarter", "taylor"}))
      ->type_name("WAY");
  command->add_flag("--flip", options->pose.flip, "look at each person mirrored too, and take the mean");
  command
      ->add_option("--camera", options->camera,
                   "focal lengths and centre for a network that takes them (default: the longer side, the middle)")
      ->type_name("FX,FY,CX,CY");
  command->add_flag("--box-corners", options->pose.box_corners,
                    "a network that takes the box takes its right and bottom, not its width and height");
  command->add_option("--input", options->inputs, "what else a network takes")->type_name("NAME=N,...");
  add_level_options(*command, options->levels);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
