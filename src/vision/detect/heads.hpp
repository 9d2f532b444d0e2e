#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/detector.hpp"

namespace kiln::vision {

using NamedTensor = std::pair<std::string, Tensor>;

/// What the way from a network's outputs to boxes depends on, beside the outputs.
struct HeadSettings {
  int64_t width = 640, height = 640;  ///< of the network's input
  float score_threshold = 0.25f;
  int64_t classes = 0;  ///< that are named; 0: nobody knows
  std::vector<float> anchors;
  LogitKind logits = LogitKind::automatic;
};

struct FoundBoxes {
  std::vector<Detection> boxes;  ///< in the network's pixels
  bool finished = false;         ///< nothing is left to be suppressed
};

/// Boxes of any kind of network that Detector knows; an Error that names them for another.
FoundBoxes read_heads(const std::vector<NamedTensor>& outputs, const HeadSettings& settings);

/// Whether the outputs, as a model states them, are logits and boxes of a DETR.
bool states_detr(const std::vector<PortInfo>& outputs);
/// Whether they are lists of more than one kind: a DETR's, or an SSD's.
bool states_lists(const std::vector<PortInfo>& outputs);
/// Whether a DETR's logits take a softmax.
bool takes_softmax(LogitKind kind, int64_t logits, int64_t classes);

/// YOLOv5's levels as they leave its last convolutions.
std::vector<Detection> read_raw_levels(const std::vector<Tensor>& levels, const HeadSettings& settings);

}  // namespace kiln::vision
