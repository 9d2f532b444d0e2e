#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/classifier.hpp"
#include "kiln/vision/draw.hpp"

namespace kiln::cli {
namespace {

struct ClassifyArguments {
  PictureOptions pictures;
  std::string names;
  LevelOptions levels;
  vision::ClassifierOptions classifier;
};

using FoundClasses = std::vector<vision::ClassScore>;

Json found_json(const vision::Classifier& classifier, const FoundClasses& found) {
  Json list = Json::array();
  for (const vision::ClassScore& entry : found) {
    list.push_back(
        {{"name", classifier.name_of(entry.class_index)}, {"class", entry.class_index}, {"score", entry.score}});
  }
  return {{"classes", list}};
}

void print_found(const vision::Classifier& classifier, const FoundClasses& found) {
  fmt::print("{}\n", printable(classifier.name_of(found[0].class_index)));
  for (const vision::ClassScore& entry : found) {
    fmt::print("  {:.3f}  {}\n", entry.score, printable(classifier.name_of(entry.class_index)));
  }
}

void draw(vision::Picture& picture, const vision::Classifier& classifier, const FoundClasses& found) {
  const auto& best = found[0];
  vision::draw_label(picture, {0, 0}, fmt::format("{} {:.2f}", classifier.name_of(best.class_index), best.score),
                     vision::colour_of(static_cast<size_t>(best.class_index)));
}

int run(ClassifyArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  const std::string& model = only_model(files, "classifier");
  if (!options.names.empty()) options.classifier.names = read_lines(options.names);
  options.classifier.levels = levels_of(options.levels);
  vision::Classifier classifier(Session::load(model), options.classifier);
  const PictureCommand<FoundClasses> command{
      .find =
          [&](const vision::Picture& picture, PartTimes& times) {
            vision::Times spent;
            FoundClasses found = classifier.classify(picture, &spent);
            add_parts(times, spent, "classify");
            return found;
          },
      .draw = [&](vision::Picture& picture, const FoundClasses& found) { draw(picture, classifier, found); },
      .json = [&](const FoundClasses& found) { return found_json(classifier, found); },
      .print = [&](const FoundClasses& found) { print_found(classifier, found); }};
  return look_at_pictures(options.pictures, files.pictures, command);
}

}  // namespace

void add_classify(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("classify", "Tells what pictures show.");
  command->footer(
      R"(The engine gives scores of classes [1, classes], probabilities or not. It is shown the middle of the
picture, with colours as networks that were trained on ImageNet take them; where its metadata say that its task is
"classify", all of the height or width, with colours from 0 to 1.

Examples:
  kiln classify resnet50.onnx cat.jpg
  kiln classify yolo11n-cls.kiln cat.jpg --most 3 -o labelled.jpg --show-time
  kiln classify resnet50.kiln photos/ --names imagenet.txt --json)");
  auto options = std::make_shared<ClassifyArguments>();
  add_picture_options(*command, options->pictures,
                      {.files = "an engine or ONNX model, and pictures or folders of them",
                       .output = "write the likeliest class into this picture, or folder for several",
                       .json = "print JSON: names and scores of the likeliest classes, and times in ms"});
  add_names_option(*command, options->names);
  command->add_option("--most", options->classifier.most, "classes in an answer (default 5)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command->add_option("--crop", options->classifier.crop, "the part of the shorter side that is seen (default 0.875)")
      ->check(CLI::Range(0.01, 1.0))
      ->type_name("X");
  add_level_options(*command, options->levels);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
