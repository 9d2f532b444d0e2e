#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/draw.hpp"
#include "kiln/vision/embedder.hpp"
#include "kiln/vision/preprocess.hpp"

namespace kiln::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string like, output;
  size_t most = 10;
  bool json = false, show_time = false;
  LevelOptions levels;
  vision::EmbedderOptions embedder;
};

struct Embedded {
  std::vector<float> vector;
  PartTimes times;
};

Embedded embed(vision::Embedder& embedder, const std::string& path) {
  const Timer timer;
  const vision::Picture picture = vision::Picture::load(path);
  PartTimes times{{"decode", timer.milliseconds()}};
  vision::Times spent;
  std::vector<float> vector = embedder.embed(picture, &spent);
  add_parts(times, spent, "embed");
  return {std::move(vector), std::move(times)};
}

void print_vector(const std::string& path, const std::vector<float>& vector) {
  constexpr size_t shown = 6;
  fmt::print("{} {} numbers:", paint(printable(path) + ":", Colour::bold), vector.size());
  for (size_t i = 0; i < std::min(shown, vector.size()); ++i) fmt::print(" {:.4f}", vector[i]);
  fmt::print("{}\n", vector.size() > shown ? " ..." : "");
}

/// Puts a picture into a square place of a sheet, in its proportions, under a label.
void put_into_sheet(vision::Picture& sheet, const vision::Picture& picture, int64_t left, int64_t top, int64_t side,
                    const std::string& label, size_t colour) {
  const double scale = static_cast<double>(side) / static_cast<double>(std::max(picture.width(), picture.height()));
  const auto scaled = [&](int64_t size) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(size) * scale));
  };
  const vision::Picture small = vision::resize(picture, scaled(picture.width()), scaled(picture.height()));
  for (int64_t y = 0; y < small.height(); ++y) {
    std::copy_n(small.row(y), 3 * small.width(), sheet.row(top + y) + 3 * left);
  }
  const int height = static_cast<int>(side / 8);
  vision::draw_label(sheet, {static_cast<float>(left), static_cast<float>(top + side)}, label,
                     vision::colour_of(colour), height);
}

/// A sheet of the picture that was asked for, and of those that are most like it, six in a row.
void draw_similar(const Options& options, const std::vector<std::string>& paths,
                  const std::vector<vision::Similar>& found) {
  constexpr int64_t side = 160, gap = 8, most_columns = 6;
  const auto count = static_cast<int64_t>(found.size()) + 1;
  const int64_t columns = std::min(count, most_columns), rows = (count + columns - 1) / columns;
  vision::Picture sheet(columns * (side + gap) + gap, rows * (side + gap) + gap);
  std::fill_n(sheet.row(0), 3 * sheet.width() * sheet.height(), uint8_t{255});
  for (int64_t i = 0; i < count; ++i) {
    const bool asked = i == 0;
    const vision::Similar similar = asked ? vision::Similar() : found[static_cast<size_t>(i - 1)];
    put_into_sheet(sheet, vision::Picture::load(asked ? options.like : paths[similar.index]),
                   gap + i % columns * (side + gap), gap + i / columns * (side + gap), side,
                   asked ? "like this" : fmt::format("{:.3f}", similar.similarity), asked ? 0 : 1);
  }
  sheet.save(options.output);
}

int run(Options& options) {
  const VisionFiles files = sort_files(options.files);
  const std::string& model = only_model(files, "embedder");
  if (!options.like.empty()) require_file(options.like);
  if (!options.output.empty() && options.like.empty()) fail_usage("--output draws what --like finds: it is missing");
  options.embedder.levels = levels_of(options.levels);
  vision::Embedder embedder(Session::load(model), options.embedder);
  const bool search = !options.like.empty();
  Json all = Json::array();
  std::vector<std::vector<float>> vectors;
  for (const std::string& path : files.pictures) {
    Embedded embedded = embed(embedder, path);
    if (options.json && !search) {
      all.push_back({{"picture", path}, {"vector", embedded.vector}, {"times_ms", times_json(embedded.times)}});
    } else if (!options.json) {
      if (!search) print_vector(path, embedded.vector);
      if (options.show_time) print_times(embedded.times);
    }
    if (search) vectors.push_back(std::move(embedded.vector));
  }
  if (search) {
    const std::vector<float> wanted = embed(embedder, options.like).vector;
    const std::vector<vision::Similar> similar = vision::find_similar(wanted, vectors, options.most);
    for (const vision::Similar& found : similar) {
      const std::string& path = files.pictures[found.index];
      if (options.json) {
        all.push_back({{"picture", path}, {"similarity", found.similarity}});
      } else {
        fmt::print("  {:>6.3f}  {}\n", found.similarity, printable(path));
      }
    }
    if (!options.output.empty()) draw_similar(options, files.pictures, similar);
  }
  if (options.json) print_json(all);
  return exit_good;
}

}  // namespace

void add_embed(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("embed", "Makes vectors of pictures, and finds those that are alike.");
  command->footer(R"(The engine gives a vector [1, numbers], maps [1, numbers, height, width] whose means are one, or
tokens [1, tokens, numbers] of which the first is. Vectors are made as long as 1.

Examples:
  kiln embed resnet50_features.onnx photos/ --json
  kiln embed clip_vision.kiln photos/ --like cat.jpg --most 5 -o similar.png)");
  auto options = std::make_shared<Options>();
  command->add_option("files", options->files, "an engine or ONNX model, and pictures or folders of them")
      ->required()
      ->type_name("FILE");
  command->add_option("--like", options->like, "print those that are most like this picture, by the cosine")
      ->type_name("PICTURE");
  command->add_option("-o,--output", options->output, "draw these into one picture, side by side")->type_name("PATH");
  command->add_option("--most", options->most, "how many of these (default 10)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command->add_option("--crop", options->embedder.crop, "the part of the shorter side that is seen (default 0.875)")
      ->check(CLI::Range(0.01, 1.0))
      ->type_name("X");
  add_level_options(*command, options->levels);
  command->add_flag("--json", options->json, "print JSON: pictures with vectors and times in ms, or with similarities");
  command->add_flag("--show-time", options->show_time, "print what each part took");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
