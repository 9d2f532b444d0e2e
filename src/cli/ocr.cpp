#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/draw.hpp"
#include "kiln/vision/ocr.hpp"

namespace kiln::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string output, characters;
  vision::OcrOptions ocr;
  bool json = false, show_time = false;
};

void draw(vision::Picture& picture, const std::vector<vision::TextLine>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const vision::Colour colour = vision::colour_of(i);
    vision::draw_outline(picture, lines[i].box, colour, vision::line_width_for(picture));
    vision::draw_label(picture, lines[i].box[0], lines[i].text, colour);
  }
}

Json lines_json(const std::string& path, const std::vector<vision::TextLine>& lines, const PartTimes& times) {
  Json list = Json::array();
  for (const vision::TextLine& line : lines) {
    list.push_back({{"text", line.text}, {"score", line.score}, {"box", box_json(line.box)}});
  }
  return {{"picture", path}, {"lines", list}, {"times_ms", times_json(times)}};
}

void print_lines(const std::string& path, const std::vector<vision::TextLine>& lines) {
  fmt::print("{} {} lines\n", paint(printable(path) + ":", Colour::bold), lines.size());
  for (const vision::TextLine& line : lines) {
    fmt::print("  {:.3f}  {:>5.0f},{:<5.0f} {}\n", line.score, line.box[0].x, line.box[0].y, printable(line.text));
  }
}

int run(Options& options) {
  const VisionFiles files = sort_files(options.files);
  if (!options.characters.empty()) {
    require_file(options.characters);
    options.ocr.characters = read_lines(options.characters);
  }
  std::vector<Session> sessions;
  for (const std::string& model : files.models) sessions.push_back(Session::load(model));
  vision::Ocr ocr(std::move(sessions), options.ocr);
  const PictureOutput output(options.output, files.pictures.size());
  Json all = Json::array();
  for (const std::string& path : files.pictures) {
    Timer timer;
    vision::Picture picture = vision::Picture::load(path);
    PartTimes times{{"decode", timer.milliseconds()}};
    vision::OcrTimes spent;
    const std::vector<vision::TextLine> lines = ocr.read(picture, &spent);
    for (const auto& [part, milliseconds] : PartTimes{{"pre-process", spent.preprocess},
                                                      {"detect", spent.detect},
                                                      {"find boxes", spent.find_boxes},
                                                      {"cut out lines", spent.crop},
                                                      {"classify", spent.classify},
                                                      {"recognise", spent.recognise}}) {
      times.emplace_back(part, milliseconds);
    }
    if (output.wanted()) {
      timer = Timer();
      draw(picture, lines);
      picture.save(output.path_for(path));
      times.emplace_back("draw and write", timer.milliseconds());
    }
    if (options.json) {
      all.push_back(lines_json(path, lines, times));
    } else {
      print_lines(path, lines);
      if (options.show_time) print_times(times);
    }
  }
  if (options.json) print_json(all);
  return exit_good;
}

}  // namespace

void add_ocr(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("ocr", "Reads the text in pictures.");
  command->footer(R"(Engines: a DB text detector and a recogniser of the CRNN kind, as PP-OCR has them, and a
classifier that tells which lines are upside down, if there is one; in any order.

Examples:
  kiln ocr det.onnx rec.onnx page.png
  kiln ocr det.kiln cls.kiln rec.kiln page.jpg -o read.jpg --show-time
  kiln ocr det.kiln rec.kiln scans/*.png -o read/ --json)");
  auto options = std::make_shared<Options>();
  command->add_option("files", options->files, "engines or ONNX models, and pictures")->required()->type_name("FILE");
  command->add_option("--output,-o", options->output, "draw boxes and text into this picture, or folder for several")
      ->type_name("PATH");
  command
      ->add_option("--characters", options->characters,
                   "a file with one of the recogniser's characters a line; else its metadata say them")
      ->type_name("FILE");
  command->add_option("--box-threshold", options->ocr.box_threshold, "the least score of a box (default 0.5)")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  command->add_option("--text-threshold", options->ocr.text_threshold, "the least score of a line (default 0.5)")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  command->add_flag("--json", options->json, "print JSON: text, score and box of each line, and times in ms");
  command->add_flag("--show-time", options->show_time, "print what each part took");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
