#include "cli/vision_files.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/safe_open.hpp"
#include "cli/table.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

VisionFiles sort_files(const std::vector<std::string>& files) {
  VisionFiles sorted;
  for (const std::string& file : files) {
    require_file(file);
    const bool model = file.ends_with(".onnx") || file.ends_with(".kiln") || Engine::is_engine_file(file);
    (model ? sorted.models : sorted.pictures).push_back(file);
  }
  if (sorted.models.empty()) fail_usage("no engine was given: expected .kiln or .onnx files before the pictures");
  if (sorted.pictures.empty()) fail_usage("no picture was given");
  return sorted;
}

PictureOutput::PictureOutput(std::string output, size_t pictures) : output_(std::move(output)) {
  folder_ = wanted() && (pictures > 1 || std::filesystem::is_directory(output_));
  if (folder_) std::filesystem::create_directories(output_);
}

std::string PictureOutput::path_for(const std::string& picture) const {
  if (!folder_) return output_;
  std::filesystem::path name = std::filesystem::path(picture).filename();
  const std::string ending = name.extension().string();
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

Json box_json(const vision::Quad& box) {
  Json json = Json::array();
  for (const vision::Point& point : box) json.push_back({point.x, point.y});
  return json;
}

}  // namespace kiln::cli
