#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"

namespace kiln::vision {

struct SegmenterOptions {
  std::optional<Levels> levels;  ///< none: those of ImageNet
  Fit fit = Fit::stretch;
  int64_t side = 512;              ///< of the input, where the model leaves it open
  float threshold = 0.5f;          ///< above it a pixel belongs to the mask of a network with one class
  std::vector<std::string> names;  ///< of the classes; empty where the model's metadata have them ("names", "labels")
};

/// The class of every pixel of a picture. Networks with one class give 1 inside of their mask and 0 elsewhere.
struct Segmentation {
  int64_t width = 0, height = 0;
  std::vector<uint16_t> classes;  ///< rows from the top

  uint16_t class_at(int64_t x, int64_t y) const { return classes[static_cast<size_t>(y * width + x)]; }
};

/// Tells for every pixel what it shows: a network with scores [1, classes, height, width], of which the best counts, or
/// with one class, or with the classes themselves as integers [1, height, width]. May be used from several threads at
/// once.
class Segmenter {
 public:
  explicit Segmenter(Session model, const SegmenterOptions& options = {});
  Segmenter(Segmenter&&) noexcept;
  Segmenter& operator=(Segmenter&&) noexcept;
  ~Segmenter();

  /// As large as the picture: scores are resized (bilinear) before the best is taken.
  Segmentation segment(const PictureView& picture, Times* times = nullptr);
  /// What a class is called; its number where nobody says.
  std::string name_of(int64_t class_index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Lays a colour for each class but 0 over a picture of the same size, which it covers so far, from 0 to 1.
void draw_segmentation(Picture& picture, const Segmentation& segmentation, double cover = 0.5);

}  // namespace kiln::vision
