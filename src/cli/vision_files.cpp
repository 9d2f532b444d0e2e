#include "cli/vision_files.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/safe_open.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

/// The pictures in a folder, by their names.
std::vector<std::string> pictures_in(const std::string& folder) {
  constexpr std::string_view endings[] = {".jpg",  ".jpeg", ".png", ".webp", ".bmp", ".tif",
                                          ".tiff", ".jp2",  ".ppm", ".pgm",  ".pbm"};
  std::vector<std::string> pictures;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::string ending = entry.path().extension().string();
    for (char& letter : ending) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    const bool known = std::find(std::begin(endings), std::end(endings), ending) != std::end(endings);
    if ((known || vision::is_video_name(entry.path().string())) && entry.is_regular_file())
      pictures.push_back(entry.path().string());
  }
  std::sort(pictures.begin(), pictures.end());
  if (pictures.empty()) fail_usage("the folder {} has no pictures", folder);
  return pictures;
}

}  // namespace

VisionFiles sort_files(const std::vector<std::string>& files) {
  VisionFiles sorted;
  for (const std::string& file : files) {
    if (std::filesystem::is_directory(file)) {
      const std::vector<std::string> pictures = pictures_in(file);
      sorted.pictures.insert(sorted.pictures.end(), pictures.begin(), pictures.end());
      continue;
    }
    require_file(file);
    const bool model = file.ends_with(".onnx") || file.ends_with(".kiln") || Engine::is_engine_file(file);
    (model ? sorted.models : sorted.pictures).push_back(file);
  }
  if (sorted.models.empty()) fail_usage("no engine was given: expected .kiln or .onnx files before the pictures");
  if (sorted.pictures.empty()) fail_usage("no picture was given");
  return sorted;
}

const std::string& only_model(const VisionFiles& files, const char* what) {
  if (files.models.size() != 1) fail_usage("one {} is expected, found {}", what, files.models.size());
  return files.models.front();
}

PictureOutput::PictureOutput(std::string output, size_t pictures) : output_(std::move(output)) {
  folder_ = wanted() && (pictures > 1 || std::filesystem::is_directory(output_));
  if (folder_) std::filesystem::create_directories(output_);
}

std::string PictureOutput::path_for(const std::string& picture) const {
  if (!folder_) return output_;
  std::filesystem::path name = std::filesystem::path(picture).filename();
  const std::string ending = name.extension().string();
  if (vision::is_video_name(name.string())) return (output_ / name).string();
  if (ending != ".png" && ending != ".jpg" && ending != ".jpeg") name += ".png";
  return (output_ / name).string();
}

void add_picture_options(CLI::App& command, PictureOptions& options, const PictureHelp& help) {
  command.add_option("files", options.files, help.files)->required()->type_name("FILE");
  command.add_option("--output,-o", options.output, help.output)->type_name("PATH");
  command.add_flag("--json", options.json, help.json);
  command.add_flag("--show-time", options.show_time, "print what each part took");
}

void add_threshold_option(CLI::App& command, const std::string& name, float& value, const std::string& help) {
  command.add_option(name, value, help)->check(CLI::Range(0.0, 1.0))->type_name("X");
}

std::vector<std::string> read_lines(const std::string& path) {
  require_file(path);
  std::vector<std::string> lines;
  std::string line;
  for (const char letter : read_text_file(path, 1 << 24) + "\n") {
    if (letter == '\n') {
      lines.push_back(std::exchange(line, {}));
    } else if (letter != '\r') {
      line += letter;
    }
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void print_times(const PartTimes& times) {
  Table table({{"part"}, {"ms", Table::Align::right}});
  double sum = 0;
  for (const auto& [part, milliseconds] : times) {
    table.add({part, fmt::format("{:.1f}", milliseconds)});
    sum += milliseconds;
  }
  table.add({"all", fmt::format("{:.1f}", sum)});
  table.print();
}

Json times_json(const PartTimes& times) {
  Json json = Json::object();
  for (const auto& [part, milliseconds] : times) json[part] = milliseconds;
  return json;
}

void add_parts(PartTimes& times, const vision::Times& spent, const std::string& network) {
  times.insert(times.end(),
               {{"pre-process", spent.preprocess}, {network, spent.network}, {"post-process", spent.postprocess}});
}

void add_names_option(CLI::App& command, std::string& file) {
  command.add_option("--names", file, "a file with a class's name a line; else the model's metadata say them")
      ->type_name("FILE");
}

std::vector<float> read_numbers(const std::string& option, const std::string& text) {
  std::vector<float> numbers;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    char* behind = nullptr;
    const float number = std::strtof(part.c_str(), &behind);
    if (part.empty() || *behind != '\0' || !std::isfinite(number)) {
      fail_usage("{} {}: expected numbers with commas between them", option, text);
    }
    numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

void add_level_options(CLI::App& command, LevelOptions& levels) {
  const auto add = [&](const std::string& name, std::string& text, const std::string& help) {
    command.add_option(name, text, help)->type_name("R,G,B");
  };
  add("--mean", levels.mean, "what is taken from colours of 0 to 1 (default: as the command says)");
  add("--deviation", levels.deviation, "what they are then divided by (default: as the command says)");
  command.add_flag("--bgr", levels.bgr, "the network takes blue first; means and deviations too are in its order");
}

std::optional<vision::Levels> levels_of(const LevelOptions& options) {
  if (options.mean.empty() && options.deviation.empty() && !options.bgr) return {};
  vision::Levels levels = vision::imagenet_levels;
  if (options.bgr) {
    std::swap(levels.mean[0], levels.mean[2]);
    std::swap(levels.deviation[0], levels.deviation[2]);
  }
  levels.bgr = options.bgr;
  const auto take = [](const std::string& option, const std::string& text, std::array<float, 3>& values) {
    if (text.empty()) return;
    const std::vector<float> numbers = read_numbers(option, text);
    if (numbers.size() != 3) fail_usage("{} {}: expected three numbers, found {}", option, text, numbers.size());
    std::copy_n(numbers.begin(), 3, values.begin());
  };
  take("--mean", options.mean, levels.mean);
  take("--deviation", options.deviation, levels.deviation);
  return levels;
}

PictureLoop::PictureLoop(const PictureOptions& options, const std::vector<std::string>& pictures)
    : options_(options), pictures_(pictures), output_(options.output, pictures.size()), progress_("pictures") {}

void PictureLoop::advance(double of_this) {
  progress_.update((static_cast<double>(done_) + of_this) / static_cast<double>(pictures_.size()));
}

void PictureLoop::look_at(Item& item, const std::function<Json(Item&)>& look) {
  const Json found = look(item);
  if (!options_.json) return;
  item.json.update(found);
  item.json["times_ms"] = times_json(item.times);
  all_.push_back(std::move(item.json));
}

void PictureLoop::look_at_picture(const std::string& path, const std::function<Json(Item&)>& look) {
  Timer timer;
  Item item{.picture = vision::Picture::load(path), .name = path, .json = {{"picture", path}}};
  item.times = {{"decode", timer.milliseconds()}};
  if (output_.wanted()) item.output = output_.path_for(path);
  look_at(item, look);
}

void PictureLoop::look_at_video(const std::string& path, const std::function<Json(Item&)>& look) {
  vision::Video video(path);
  std::optional<vision::VideoWriter> writer;
  if (output_.wanted()) writer.emplace(output_.path_for(path), video.frames_per_second());
  Timer timer;
  int64_t number = 0;
  for (std::optional<vision::Picture> frame; (frame = video.next()); ++number) {
    Item item{.picture = std::move(*frame),
              .name = fmt::format("{}, frame {}", path, number),
              .json = {{"picture", path}, {"frame", number}}};
    item.times = {{"decode", timer.milliseconds()}};
    item.video = writer ? &*writer : nullptr;
    look_at(item, look);
    const auto frames = static_cast<double>(std::max(video.expected_frames(), number + 1));
    advance(static_cast<double>(number + 1) / frames);
    timer = Timer();
  }
  if (writer) writer->finish();
}

int PictureLoop::run(const std::function<Json(Item&)>& look) {
  int exit_code = exit_good;
  for (const std::string& path : pictures_) {
    try {
      vision::is_video_name(path) ? look_at_video(path, look) : look_at_picture(path, look);
    } catch (const Error& error) {
      if (pictures_.size() == 1) throw;
      make_room();
      fmt::print(stderr, "{}: {}\n", printable(path), printable(error.what()));
      if (options_.json) all_.push_back({{"picture", path}, {"error", error.what()}});
      exit_code = exit_wrong_data;
    }
    ++done_;
    advance(0);
  }
  make_room();
  if (options_.json) print_json(all_);
  return exit_code;
}

Json box_json(const vision::Quad& box) {
  Json json = Json::array();
  for (const vision::Point& point : box) json.push_back({point.x, point.y});
  return json;
}

}  // namespace kiln::cli
