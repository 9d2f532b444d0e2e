#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/point.hpp"

namespace kiln::vision {

struct OcrOptions {
  float pixel_threshold = 0.3f;         ///< above it a pixel of the detector's map is text
  float box_threshold = 0.5f;           ///< the least mean of the map in a box
  float unclip_ratio = 1.6f;            ///< by how much boxes grow: area * ratio / perimeter
  float text_threshold = 0.5f;          ///< the least score of a line that is kept
  float turn_threshold = 0.9f;          ///< the least score of "upside down" that turns a line
  int64_t shortest_side = 736;          ///< smaller pictures are enlarged for the detector
  int64_t longest_side = 2000;          ///< larger ones are reduced
  int64_t batch = 6;                    ///< lines that are recognised at a time
  std::vector<std::string> characters;  ///< of the recogniser; empty where its metadata have them ("character")
};

/// A line of text in a picture.
struct TextLine {
  Quad box;
  std::string text;  ///< UTF-8
  double score = 0;  ///< the mean of its characters' probabilities
};

/// Milliseconds that the latest read() took for each part.
struct OcrTimes {
  double preprocess = 0, detect = 0, find_boxes = 0, crop = 0, classify = 0, recognise = 0;
};

/// Reads text as RapidOCR does: a DB detector finds lines, a classifier tells which are upside down, and a recogniser
/// of the CRNN kind reads them. May be used from several threads at once.
class Ocr {
 public:
  /// A detector and a recogniser, and a classifier if there is one, in any order: their outputs' ranks tell which is
  /// which (4, 3 and 2).
  explicit Ocr(std::vector<Session> models, const OcrOptions& options = {});
  Ocr(Ocr&&) noexcept;
  Ocr& operator=(Ocr&&) noexcept;
  ~Ocr();

  /// The lines from top to bottom, and from left to right where they stand side by side.
  std::vector<TextLine> read(const PictureView& picture, OcrTimes* times = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
