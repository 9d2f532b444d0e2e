#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/detector.hpp"
#include "kiln/vision/draw.hpp"

namespace kiln::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string output, names;
  vision::DetectorOptions detector;
  bool json = false, show_time = false;
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

Json found_json(const std::string& path, const vision::Detector& detector, const std::vector<vision::Detection>& found,
                const PartTimes& times) {
  Json list = Json::array();
  for (const vision::Detection& object : found) {
    list.push_back({{"name", detector.name_of(object.class_index)},
                    {"class", object.class_index},
                    {"score", object.score},
                    {"box", {object.left, object.top, object.right, object.bottom}}});
  }
  return {{"picture", path}, {"objects", list}, {"times_ms", times_json(times)}};
}

void print_found(const std::string& path, const vision::Detector& detector,
                 const std::vector<vision::Detection>& found) {
  fmt::print("{} {} objects\n", paint(printable(path) + ":", Colour::bold), found.size());
  for (const vision::Detection& object : found) {
    fmt::print("  {:.3f}  {:<16} {:.0f},{:.0f} to {:.0f},{:.0f}\n", object.score,
               printable(detector.name_of(object.class_index)), object.left, object.top, object.right, object.bottom);
  }
}

int run(Options& options) {
  const VisionFiles files = sort_files(options.files);
  if (files.models.size() != 1) fail_usage("one detector is expected, found {}", files.models.size());
  if (!options.names.empty()) {
    require_file(options.names);
    options.detector.names = read_lines(options.names);
  }
  vision::Detector detector(Session::load(files.models[0]), options.detector);
  const PictureOutput output(options.output, files.pictures.size());
  Json all = Json::array();
  for (const std::string& path : files.pictures) {
    Timer timer;
    vision::Picture picture = vision::Picture::load(path);
    PartTimes times{{"decode", timer.milliseconds()}};
    vision::DetectorTimes spent;
    const std::vector<vision::Detection> found = detector.detect(picture, &spent);
    times.emplace_back("pre-process", spent.preprocess);
    times.emplace_back("detect", spent.detect);
    times.emplace_back("post-process", spent.postprocess);
    if (output.wanted()) {
      timer = Timer();
      draw(picture, detector, found);
      picture.save(output.path_for(path));
      times.emplace_back("draw and write", timer.milliseconds());
    }
    if (options.json) {
      all.push_back(found_json(path, detector, found, times));
    } else {
      print_found(path, detector, found);
      if (options.show_time) print_times(times);
    }
  }
  if (options.json) print_json(all);
  return exit_good;
}

}  // namespace

void add_detect(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("detect", "Finds objects in pictures.");
  command->footer(R"(The engine is a detector of the YOLO kind: YOLOv5 (decoded), YOLOv8 and its successors, or one that
leaves out overlapping boxes itself.

Examples:
  kiln detect yolo11n.onnx street.jpg
  kiln detect yolov8n.kiln street.jpg -o found.jpg --show-time
  kiln detect yolov5n.kiln pictures/*.jpg --score 0.4 -o found/ --json)");
  auto options = std::make_shared<Options>();
  command->add_option("files", options->files, "an engine or ONNX model, and pictures")->required()->type_name("FILE");
  command->add_option("--output,-o", options->output, "draw boxes into this picture, or folder for several")
      ->type_name("PATH");
  command
      ->add_option("--names", options->names, "a file with a class's name a line; else the model's metadata say them")
      ->type_name("FILE");
  command->add_option("--score", options->detector.score_threshold, "the least score of an object (default 0.25)")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  command
      ->add_option("--overlap", options->detector.overlap_threshold,
                   "leave out boxes that overlap a better one more than that (default 0.45)")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  command->add_flag("--agnostic", options->detector.agnostic, "also where the two are of different classes");
  command->add_flag("--json", options->json, "print JSON: name, score and box of each object, and times in ms");
  command->add_flag("--show-time", options->show_time, "print what each part took");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
