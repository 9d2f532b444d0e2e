#include <fmt/core.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "cli/vision_files.hpp"
#include "kiln/vision/draw.hpp"
#include "kiln/vision/ocr.hpp"

namespace kiln::cli {
namespace {

struct OcrArguments {
  PictureOptions pictures;
  std::string characters;
  vision::OcrOptions ocr;
};

void draw_lines(vision::Picture& picture, const std::vector<vision::TextLine>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const vision::Colour colour = vision::colour_of(i);
    vision::draw_outline(picture, lines[i].box, colour, vision::line_width_for(picture));
    // Above all of a tilted box.
    const float top = std::min({lines[i].box[0].y, lines[i].box[1].y, lines[i].box[2].y, lines[i].box[3].y});
    vision::draw_label(picture, {lines[i].box[0].x, top}, lines[i].text, colour);
  }
}

Json lines_json(const std::vector<vision::TextLine>& lines) {
  Json list = Json::array();
  for (const vision::TextLine& line : lines) {
    list.push_back({{"text", line.text}, {"score", line.score}, {"box", box_json(line.box)}});
  }
  return {{"lines", list}};
}

void print_lines(const std::vector<vision::TextLine>& lines) {
  fmt::print("{} lines\n", lines.size());
  for (const vision::TextLine& line : lines) {
    fmt::print("  {:.3f}  {:>5.0f},{:<5.0f} {}\n", line.score, line.box[0].x, line.box[0].y, printable(line.text));
  }
}

int run(OcrArguments& options) {
  const VisionFiles files = sort_files(options.pictures.files);
  if (!options.characters.empty()) options.ocr.characters = read_lines(options.characters);
  std::vector<Session> sessions;
  for (const std::string& model : files.models) sessions.push_back(Session::load(model));
  vision::Ocr ocr(std::move(sessions), options.ocr);
  const PictureCommand<std::vector<vision::TextLine>> command{
      .find =
          [&](const vision::Picture& picture, PartTimes& times) {
            vision::OcrTimes spent;
            std::vector<vision::TextLine> lines = ocr.read(picture, &spent);
            times.insert(times.end(), {{"pre-process", spent.preprocess},
                                       {"detect", spent.detect},
                                       {"find boxes", spent.find_boxes},
                                       {"cut out lines", spent.crop},
                                       {"classify", spent.classify},
                                       {"recognise", spent.recognise}});
            return lines;
          },
      .draw = draw_lines,
      .json = lines_json,
      .print = print_lines};
  return look_at_pictures(options.pictures, files.pictures, command);
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
  auto options = std::make_shared<OcrArguments>();
  add_picture_options(*command, options->pictures,
                      {.files = "engines or ONNX models, and pictures or folders of them",
                       .output = "draw boxes and text into this picture, or folder for several",
                       .json = "print JSON: text, score and box of each line, and times in ms"});
  command
      ->add_option("--characters", options->characters,
                   "a file with one of the recogniser's characters a line; else its metadata say them")
      ->type_name("FILE");
  add_threshold_option(*command, "--box-threshold", options->ocr.box_threshold,
                       "the least score of a box (default 0.5)");
  add_threshold_option(*command, "--text-threshold", options->ocr.text_threshold,
                       "the least score of a line (default 0.5)");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
