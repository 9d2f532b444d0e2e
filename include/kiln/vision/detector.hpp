#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"

namespace kiln::vision {

/// How a DETR's logits become probabilities.
enum class LogitKind : uint8_t {
  automatic,  ///< softmax, unless just as many classes are named as there are logits
  softmax,    ///< the last is that of "nothing"
  sigmoid,
};

struct DetectorOptions {
  float score_threshold = 0.25f;
  float overlap_threshold = 0.45f;  ///< boxes that overlap a better one more than that are left out
  bool agnostic = false;            ///< also where the two are of different classes
  int64_t most = 300;               ///< objects in a picture
  std::vector<std::string> names;   ///< of the classes; empty where the model's metadata have them ("names")
  std::vector<float> anchors;  ///< of YOLOv5's raw outputs; empty: of the metadata ("anchors"), or the standard ones
  LogitKind logits = LogitKind::automatic;
  std::optional<Levels> levels;  ///< none: from 0 to 1; ImageNet's for a DETR with softmax
  std::optional<Fit> fit;        ///< none: letterbox for networks of the YOLO kind, stretch for others
};

/// An object, in the picture's pixels.
struct Detection {
  float left = 0, top = 0, right = 0, bottom = 0;
  float score = 0;
  int64_t class_index = 0;
};

/// Finds objects. The network's outputs tell of what kind it is:
///   YOLOv5, decoded [1, boxes, 5 + classes], or each level as it is: [1, anchors, height, width, 5 + classes] or
///   [1, anchors * (5 + classes), height, width];
///   YOLOv8 and its successors [1, 4 + classes, boxes], or [1, boxes, 4 + classes] where the classes are named;
///   without overlapping boxes [1, boxes, 6] (corners, score, class) or [boxes, 7] (picture, corners, class, score);
///   DETR: logits [1, boxes, classes] and boxes [1, boxes, 4] (centre and size as parts of the picture);
///   SSD with its own suppression: boxes [1, n, 4] (corners), classes [1, n], scores [1, n], perhaps their number.
/// A second input, i64 [1, 2], is given the width and height of the first. May be used from several threads at once.
class Detector {
 public:
  explicit Detector(Session model, const DetectorOptions& options = {});
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;
  ~Detector();

  /// The best first.
  std::vector<Detection> detect(const PictureView& picture, Times* times = nullptr);
  /// What a class is called; its number where nobody says.
  std::string name_of(int64_t class_index) const;
  /// The class of that name, if there is one.
  std::optional<int64_t> find_class(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
