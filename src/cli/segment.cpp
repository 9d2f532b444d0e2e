#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "cli/commands.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/draw.hpp"
#include "kiln/vision/segmenter.hpp"

namespace kiln::cli {
namespace {

struct SegmentArguments {
  PictureOptions pictures;
  std::string names;
  LevelOptions levels;
  float cover = 0.5f;
  bool letterbox = false, legend = false;
  vision::SegmenterOptions segmenter;
};

/// Classes and the part of the picture that each covers, the largest first.
using Shares = std::vector<std::pair<int64_t, double>>;

Shares shares_of(const vision::Segmentation& segmentation) {
  std::map<int64_t, int64_t> counts;
  for (const uint16_t found : segmentation.classes) ++counts[found];
  Shares shares;
  for (const auto& [found, count] : counts) {
    shares.emplace_back(found, static_cast<double>(count) / static_cast<double>(segmentation.classes.size()));
  }
  std::stable_sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return shares;
}

Json found_json(const vision::Segmenter& segmenter, const vision::Segmentation& found) {
  Json list = Json::array();
  for (const auto& [index, share] : shares_of(found)) {
    list.push_back({{"name", segmenter.name_of(index)}, {"class", index}, {"share", share}});
  }
  return {{"classes", list}};
}

void print_found(const vision::Segmenter& segmenter, const vision::Segmentation& found) {
  const Shares shares = shares_of(found);
  fmt::print("{} classes\n", shares.size());
  for (const auto& [index, share] : shares) {
    fmt::print("  {:>5.1f} %  {}\n", 100 * share, printable(segmenter.name_of(index)));
  }
}

void draw(vision::Picture& picture, const vision::Segmenter& segmenter, const vision::Segmentation& found,
          const SegmentArguments& options) {
  vision::draw_segmentation(picture, found, double{options.cover});
  if (!options.legend) return;
  const int height = std::max(12, static_cast<int>((picture.width() + picture.height()) / 60));
  float bottom = 0;
  for (const auto& [index, share] : shares_of(found)) {
    if (index == 0) continue;
    bottom += 1.5f * static_cast<float>(height);
    vision::draw_label(picture, {0, bottom}, segmenter.name_of(index),
                       vision::colour_of(static_cast<size_t>(index - 1)), height);
  }
}

int run(SegmentArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  const std::string& model = only_model(files, "segmenter");
  if (!options.names.empty()) options.segmenter.names = read_lines(options.names);
  options.segmenter.levels = levels_of(options.levels);
  if (options.letterbox) options.segmenter.fit = vision::Fit::letterbox;
  vision::Segmenter segmenter(Session::load(model), options.segmenter);
  using Found = vision::Segmentation;
  const PictureCommand<Found> command{
      .find =
          [&](const vision::Picture& picture, PartTimes& times) {
            vision::Times spent;
            Found found = segmenter.segment(picture, &spent);
            add_parts(times, spent, "segment");
            return found;
          },
      .draw = [&](vision::Picture& picture, const Found& found) { draw(picture, segmenter, found, options); },
      .json = [&](const Found& found) { return found_json(segmenter, found); },
      .print = [&](const Found& found) { print_found(segmenter, found); }};
  return look_at_pictures(options.pictures, files.pictures, command);
}

}  // namespace

void add_segment(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("segment", "Tells for every pixel of pictures what it shows.");
  command->footer(R"(The engine gives scores [1, classes, height, width], of which the best counts, a mask
[1, 1, height, width], or classes as integers [1, height, width]. Class 0 stays as it is in pictures that are drawn.

Examples:
  kiln segment deeplabv3.onnx street.jpg -o coloured.png
  kiln segment u2net.kiln portrait.jpg --threshold 0.7 -o mask.png --cover 1
  kiln segment segformer.kiln photos/ -o coloured/ --json)");
  auto options = std::make_shared<SegmentArguments>();
  add_picture_options(*command, options->pictures,
                      {.files = "an engine or ONNX model, and pictures or folders of them",
                       .output = "lay colours over this picture, or into a folder for several",
                       .json = "print JSON: classes and their shares of the picture, and times in ms"});
  add_names_option(*command, options->names);
  add_threshold_option(*command, "--threshold", options->segmenter.threshold,
                       "the least score of a network with one class (default 0.5)");
  add_threshold_option(*command, "--cover", options->cover, "how far colours hide the picture (default 0.5)");
  command->add_flag("--legend", options->legend, "name the colours in the picture");
  command->add_flag("--letterbox", options->letterbox, "keep the picture's proportions");
  add_level_options(*command, options->levels);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
