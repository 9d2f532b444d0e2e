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

struct EmbedArguments {
  PictureOptions pictures;
  std::string like;
  size_t most = 10;
  LevelOptions levels;
  vision::EmbedderOptions embedder;
};

struct Named {
  std::string name;
  std::vector<float> vector;
  vision::Picture small;  ///< for the sheet, where one is drawn
};

constexpr int64_t sheet_side = 160;

std::vector<float> embed(vision::Embedder& embedder, const vision::Picture& picture, PartTimes& times) {
  vision::Times spent;
  std::vector<float> vector = embedder.embed(picture, &spent);
  add_parts(times, spent, "embed");
  return vector;
}

/// In its proportions, as large as a place of the sheet.
vision::Picture small_of(const vision::Picture& picture) {
  const double scale =
      static_cast<double>(sheet_side) / static_cast<double>(std::max(picture.width(), picture.height()));
  const auto scaled = [&](int64_t size) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(size) * scale));
  };
  return vision::resize(picture, scaled(picture.width()), scaled(picture.height()));
}

void print_vector(const std::string& path, const std::vector<float>& vector) {
  constexpr size_t shown = 6;
  fmt::print("{} {} numbers:", paint(printable(path) + ":", Colour::bold), vector.size());
  for (size_t i = 0; i < std::min(shown, vector.size()); ++i) fmt::print(" {:.4f}", vector[i]);
  fmt::print("{}\n", vector.size() > shown ? " ..." : "");
}

/// Puts a picture into a place of a sheet, under a label.
void put_into_sheet(vision::Picture& sheet, const vision::Picture& small, int64_t left, int64_t top,
                    const std::string& label, size_t colour) {
  for (int64_t y = 0; y < small.height(); ++y) {
    std::copy_n(small.row(y), 3 * small.width(), sheet.row(top + y) + 3 * left);
  }
  vision::draw_label(sheet, {static_cast<float>(left), static_cast<float>(top + sheet_side)}, label,
                     vision::colour_of(colour), static_cast<int>(sheet_side / 8));
}

/// A sheet of the picture that was asked for, and of those that are most like it, six in a row.
void draw_similar(const std::string& path, const vision::Picture& like, const std::vector<Named>& all,
                  const std::vector<vision::Similar>& found) {
  constexpr int64_t gap = 8, most_columns = 6, step = sheet_side + gap;
  const auto count = static_cast<int64_t>(found.size()) + 1;
  const int64_t columns = std::min(count, most_columns), rows = (count + columns - 1) / columns;
  vision::Picture sheet(columns * step + gap, rows * step + gap);
  std::fill_n(sheet.row(0), 3 * sheet.width() * sheet.height(), uint8_t{255});
  put_into_sheet(sheet, small_of(like), gap, gap, "like this", 0);
  for (int64_t i = 1; i < count; ++i) {
    const vision::Similar& similar = found[static_cast<size_t>(i - 1)];
    put_into_sheet(sheet, all[similar.index].small, gap + i % columns * step, gap + i / columns * step,
                   fmt::format("{:.3f}", similar.similarity), 1);
  }
  sheet.save(path);
}

void show_similar(const EmbedArguments& options, vision::Embedder& embedder, const std::vector<Named>& all) {
  const vision::Picture like = vision::Picture::load(options.like);
  std::vector<std::vector<float>> vectors;
  for (const Named& each : all) vectors.push_back(each.vector);
  PartTimes times;
  const auto similar = vision::find_similar(embed(embedder, like, times), vectors, options.most);
  Json list = Json::array();
  for (const vision::Similar& found : similar) {
    const std::string& name = all[found.index].name;
    if (options.pictures.json) {
      list.push_back({{"picture", name}, {"similarity", found.similarity}});
    } else {
      fmt::print("  {:>6.3f}  {}\n", found.similarity, printable(name));
    }
  }
  if (!options.pictures.output.empty()) draw_similar(options.pictures.output, like, all, similar);
  if (options.pictures.json) print_json(list);
}

int run(EmbedArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  const std::string& model = only_model(files, "embedder");
  const bool search = !options.like.empty(), draw = !options.pictures.output.empty();
  if (search) require_file(options.like);
  if (draw && !search) fail_usage("--output draws what --like finds: it is missing");
  options.embedder.levels = levels_of(options.levels);
  vision::Embedder embedder(Session::load(model), options.embedder);
  // What is drawn, and what JSON says of a search, comes at the end.
  PictureOptions of_loop = options.pictures;
  of_loop.output.clear();
  of_loop.json = of_loop.json && !search;
  PictureLoop loop(of_loop, files.pictures);
  std::vector<Named> all;
  const int exit_code = loop.run([&](PictureLoop::Item& item) -> Json {
    std::vector<float> vector = embed(embedder, item.picture, item.times);
    if (of_loop.json) return {{"vector", vector}};
    if (!options.pictures.json) {
      loop.make_room();
      if (!search) print_vector(item.name, vector);
      if (options.pictures.show_time) print_times(item.times);
    }
    if (search) all.push_back({item.name, std::move(vector), draw ? small_of(item.picture) : vision::Picture()});
    return {};
  });
  if (search) show_similar(options, embedder, all);
  return exit_code;
}

}  // namespace

void add_embed(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("embed", "Makes vectors of pictures, and finds those that are alike.");
  command->footer(R"(The engine gives a vector [1, numbers], maps [1, numbers, height, width] whose means are one, or
tokens [1, tokens, numbers] of which the first is. Vectors are made as long as 1.

Examples:
  kiln embed resnet50_features.onnx photos/ --json
  kiln embed clip_vision.kiln photos/ --like cat.jpg --most 5 -o similar.png)");
  auto options = std::make_shared<EmbedArguments>();
  command->add_option("files", options->pictures.files, "an engine or ONNX model, and pictures or folders of them")
      ->required()
      ->type_name("FILE");
  command->add_option("--like", options->like, "print those that are most like this picture, by the cosine")
      ->type_name("PICTURE");
  command->add_option("-o,--output", options->pictures.output, "draw these into one picture, side by side")
      ->type_name("PATH");
  command->add_option("--most", options->most, "how many of these (default 10)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command->add_option("--crop", options->embedder.crop, "the part of the shorter side that is seen (default 0.875)")
      ->check(CLI::Range(0.01, 1.0))
      ->type_name("X");
  add_level_options(*command, options->levels);
  command->add_flag("--json", options->pictures.json,
                    "print JSON: pictures with vectors and times in ms, or with similarities");
  command->add_flag("--show-time", options->pictures.show_time, "print what each part took");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
