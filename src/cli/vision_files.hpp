#pragma once

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/timer.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/terminal.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/point.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"
#include "kiln/vision/video.hpp"

namespace kiln::cli {

/// What a command that looks at pictures was given, told apart by content (engines) and name (.onnx).
struct VisionFiles {
  std::vector<std::string> models, pictures;
};
/// A folder stands for the pictures in it. Fails with UsageError where a file is missing, or there is no picture.
VisionFiles sort_files(const std::vector<std::string>& files);
/// The only model; fails with UsageError, which says what it should be ("detector"), where there is not just one.
const std::string& only_model(const VisionFiles& files, const char* what);

/// What is written where the command's pictures go: `output` itself for one picture, and a file of the same name in the
/// folder `output` for several.
class PictureOutput {
 public:
  PictureOutput(std::string output, size_t pictures);
  bool wanted() const { return !output_.empty(); }
  std::string path_for(const std::string& picture) const;  ///< a video's too

 private:
  std::string output_;
  bool folder_ = false;
};

/// What all commands on pictures are given.
struct PictureOptions {
  std::vector<std::string> files;
  std::string output;
  bool json = false, show_time = false;
};
/// What their help says of the options that mean something else for each command.
struct PictureHelp {
  std::string files, output, json;
};
void add_picture_options(CLI::App& command, PictureOptions& options, const PictureHelp& help);
/// An option that is a score or a share, from 0 to 1.
void add_threshold_option(CLI::App& command, const std::string& name, float& value, const std::string& help);

/// The lines of a small text file; blank ones at its end are none. Fails with UsageError where it is missing.
std::vector<std::string> read_lines(const std::string& path);

/// Parts of the way and their milliseconds, in order.
using PartTimes = std::vector<std::pair<std::string, double>>;
void print_times(const PartTimes& times);
Json times_json(const PartTimes& times);

/// Adds the parts of an answer that one network gives.
void add_parts(PartTimes& times, const vision::Times& spent, const std::string& network);

/// --names FILE
void add_names_option(CLI::App& command, std::string& file);

/// Numbers with commas between them; fails with UsageError, which names the option, where it is something else.
std::vector<float> read_numbers(const std::string& option, const std::string& text);

/// --mean, --deviation and --bgr.
struct LevelOptions {
  std::string mean, deviation;
  bool bgr = false;
};
void add_level_options(CLI::App& command, LevelOptions& levels);
/// None where none of them was given.
std::optional<vision::Levels> levels_of(const LevelOptions& options);

/// [[x, y], ...]
Json box_json(const vision::Quad& box);

/// What a command does with each of its pictures.
template <class Found>
struct PictureCommand {
  /// Looks at a picture, and adds what its own parts took to `times`.
  std::function<Found(const vision::Picture& picture, PartTimes& times)> find;
  /// Draws what was found, for --output.
  std::function<void(vision::Picture& picture, const Found& found)> draw;
  /// What was found as the members of an object, for --json; those that all commands have come from the loop.
  std::function<Json(const Found& found)> json;
  /// Prints what was found behind the picture's name, which ends no line.
  std::function<void(const Found& found)> print;
};

/// Goes through pictures and the frames of videos, with a progress bar where there are several.
class PictureLoop {
 public:
  PictureLoop(const PictureOptions& options, const std::vector<std::string>& pictures);

  /// Calls `look` with each of them. One that cannot be read ends the loop where it is the only one, and is else named
  /// beside the others' answers. Returns the exit status.
  struct Item {
    vision::Picture picture;
    std::string name;                      ///< the file, and for a frame of a video its number
    Json json;                             ///< what names it in JSON
    PartTimes times;                       ///< "decode"
    std::string output;                    ///< where to write what was drawn; empty for none
    vision::VideoWriter* video = nullptr;  ///< or the video to add it to
  };
  int run(const std::function<Json(Item& item)>& look);

  /// To be called before something is printed.
  void make_room() { progress_.hide(); }

 private:
  void look_at(Item& item, const std::function<Json(Item&)>& look);
  void look_at_picture(const std::string& path, const std::function<Json(Item&)>& look);
  void look_at_video(const std::string& path, const std::function<Json(Item&)>& look);
  void advance(double of_this);

  const PictureOptions& options_;
  const std::vector<std::string>& pictures_;
  PictureOutput output_;
  ProgressBar progress_;
  Json all_ = Json::array();
  size_t done_ = 0;
};

template <class Found>
int look_at_pictures(const PictureOptions& options, const std::vector<std::string>& pictures,
                     const PictureCommand<Found>& command) {
  PictureLoop loop(options, pictures);
  return loop.run([&](PictureLoop::Item& item) -> Json {
    const Found found = command.find(item.picture, item.times);
    const Timer timer;
    if (!item.output.empty() || item.video) command.draw(item.picture, found);
    if (!item.output.empty()) item.picture.save(item.output);
    if (item.video) item.video->add(item.picture);
    if (!item.output.empty() || item.video) item.times.emplace_back("draw and write", timer.milliseconds());
    if (options.json) return command.json(found);
    loop.make_room();
    fmt::print("{} ", paint(printable(item.name) + ":", Colour::bold));
    command.print(found);
    if (options.show_time) print_times(item.times);
    return {};
  });
}

}  // namespace kiln::cli
