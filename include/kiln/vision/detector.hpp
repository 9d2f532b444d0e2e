#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"

namespace kiln::vision {

struct DetectorOptions {
  float score_threshold = 0.25f;
  float overlap_threshold = 0.45f;  ///< boxes that overlap a better one more than that are left out
  bool agnostic = false;            ///< also where the two are of different classes
  int64_t most = 300;               ///< objects in a picture
  std::vector<std::string> names;   ///< of the classes; empty where the model's metadata have them ("names")
};

/// An object, in the picture's pixels.
struct Detection {
  float left = 0, top = 0, right = 0, bottom = 0;
  float score = 0;
  int64_t class_index = 0;
};

/// Milliseconds that the latest detect() took for each part.
struct DetectorTimes {
  double preprocess = 0, detect = 0, postprocess = 0;
};

/// Finds objects with a network of the YOLO kind: YOLOv5 ([1, boxes, 5 + classes], decoded), YOLOv8 and its successors
/// ([1, 4 + classes, boxes]), or one that leaves out overlapping boxes itself ([1, boxes, 6]). May be used from several
/// threads at once.
class Detector {
 public:
  explicit Detector(Session model, const DetectorOptions& options = {});
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;
  ~Detector();

  /// The best first.
  std::vector<Detection> detect(const PictureView& picture, DetectorTimes* times = nullptr);
  /// What a class is called; its number where nobody says.
  std::string name_of(int64_t class_index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
