#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/detector.hpp"
#include "kiln/vision/draw.hpp"

namespace kiln::cli {
namespace {

struct DetectArguments {
  PictureOptions pictures;
  std::string names;
  std::string logits, fit, anchors;
  LevelOptions levels;
  vision::DetectorOptions detector;
};

void draw(vision::Picture& picture, const vision::Detector& detector, const std::vector<vision::Detection>& found) {
  // The best last, on top.
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    const vision::Colour colour = vision::colour_of(static_cast<size_t>(it->class_index));
    const vision::Quad box{
        {{it->left, it->top}, {it->right, it->top}, {it->right, it->bottom}, {it->left, it->bottom}}};
    vision::draw_outline(picture, box, colour, vision::line_width_for(picture));
    vision::draw_label(picture, box[0], fmt::format("{} {:.2f}", detector.name_of(it->class_index), it->score), colour);
  }
}

Json found_json(const vision::Detector& detector, const std::vector<vision::Detection>& found) {
  Json list = Json::array();
  for (const vision::Detection& object : found) {
    list.push_back({{"name", detector.name_of(object.class_index)},
                    {"class", object.class_index},
                    {"score", object.score},
                    {"box", {object.left, object.top, object.right, object.bottom}}});
  }
  return {{"objects", list}};
}

void print_found(const vision::Detector& detector, const std::vector<vision::Detection>& found) {
  fmt::print("{} objects\n", found.size());
  for (const vision::Detection& object : found) {
    fmt::print("  {:.3f}  {:<16} {:.0f},{:.0f} to {:.0f},{:.0f}\n", object.score,
               printable(detector.name_of(object.class_index)), object.left, object.top, object.right, object.bottom);
  }
}

int run(DetectArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  const std::string& model = only_model(files, "detector");
  if (!options.names.empty()) options.detector.names = read_lines(options.names);
  if (options.logits == "softmax") options.detector.logits = vision::LogitKind::softmax;
  if (options.logits == "sigmoid") options.detector.logits = vision::LogitKind::sigmoid;
  if (options.fit == "stretch") options.detector.fit = vision::Fit::stretch;
  if (options.fit == "letterbox") options.detector.fit = vision::Fit::letterbox;
  if (options.fit == "corner") options.detector.fit = vision::Fit::corner;
  if (!options.anchors.empty()) options.detector.anchors = read_numbers("--anchors", options.anchors);
  options.detector.levels = levels_of(options.levels);
  vision::Detector detector(Session::load(model), options.detector);
  using Found = std::vector<vision::Detection>;
  const PictureCommand<Found> command{
      .find =
          [&](const vision::Picture& picture, PartTimes& times) {
            vision::Times spent;
            Found found = detector.detect(picture, &spent);
            add_parts(times, spent, "detect");
            return found;
          },
      .draw = [&](vision::Picture& picture, const Found& found) { draw(picture, detector, found); },
      .json = [&](const Found& found) { return found_json(detector, found); },
      .print = [&](const Found& found) { print_found(detector, found); }};
  return look_at_pictures(options.pictures, files.pictures, command);
}

}  // namespace

void add_detect(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("detect", "Finds objects in pictures.");
  command->footer(
      R"(The engine's outputs tell of what kind it is: YOLOv5, decoded or its levels as they are, YOLOv8 and its
successors, one that leaves out overlapping boxes itself ([1,boxes,6], [boxes,7]), DETR (logits and boxes), or SSD with
its own suppression (boxes, classes and scores). Networks of the YOLO kind take the whole picture in its proportions and
colours from 0 to 1, others are given it stretched, and a DETR with softmax takes ImageNet's colours.

Examples:
  kiln detect yolo11n.onnx street.jpg
  kiln detect yolov8n.kiln street.jpg -o found.jpg --show-time
  kiln detect yolov5n.kiln pictures/ --score 0.4 -o found/ --json
  kiln detect rtdetr.onnx street.jpg --logits sigmoid --mean 0,0,0 --deviation 1,1,1)");
  auto options = std::make_shared<DetectArguments>();
  add_picture_options(*command, options->pictures,
                      {.files = "an engine or ONNX model, and pictures or folders of them",
                       .output = "draw boxes into this picture, or folder for several",
                       .json = "print JSON: name, score and box of each object, and times in ms"});
  add_names_option(*command, options->names);
  add_threshold_option(*command, "--score", options->detector.score_threshold,
                       "the least score of an object (default 0.25)");
  add_threshold_option(*command, "--overlap", options->detector.overlap_threshold,
                       "leave out boxes that overlap a better one more than that (default 0.45)");
  command->add_flag("--agnostic", options->detector.agnostic, "also where the two are of different classes");
  command->add_option("--most", options->detector.most, "objects in a picture (default 300)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command
      ->add_option("--anchors", options->anchors,
                   "widths and heights of YOLOv5's anchors, smallest first; else the metadata's, or the standard ones")
      ->type_name("W,H,...");
  command
      ->add_option("--logits", options->logits,
                   "what makes a DETR's logits scores: softmax or sigmoid (default: sigmoid where as many are named)")
      ->check(CLI::IsMember({"softmax", "sigmoid"}))
      ->type_name("WAY");
  command->add_option("--fit", options->fit, "how the picture is put into the input: stretch, letterbox or corner")
      ->check(CLI::IsMember({"stretch", "letterbox", "corner"}))
      ->type_name("WAY");
  add_level_options(*command, options->levels);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
