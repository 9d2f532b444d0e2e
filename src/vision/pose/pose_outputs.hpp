#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kiln/tensor.hpp"
#include "kiln/vision/pose.hpp"

namespace kiln::vision {

/// A pose network's outputs, sorted by what they are.
struct PoseOutputs {
  std::optional<Tensor> maps;               ///< [1, joints, height, width]
  std::vector<Tensor> axes;                 ///< of SimCC: [1, joints, n] along x, y and perhaps z
  std::vector<std::array<float, 3>> space;  ///< a place for each joint
  std::vector<float> depths, scores;        ///< one for each joint
  int64_t joints = 0;                       ///< 0 where the outputs are none of a pose network
};
PoseOutputs sort_outputs(const std::vector<std::pair<std::string, Tensor>>& outputs);

/// Pairs of joints that change places in a mirror.
using FlipPairs = std::vector<std::pair<size_t, size_t>>;
/// By their names: "left knee" and "right knee".
FlipPairs pairs_by_name(const std::vector<std::string>& names);

/// The mean of outputs and of those that a mirrored picture gives.
void add_mirrored(PoseOutputs& outputs, const PoseOutputs& mirrored, const FlipPairs& pairs);

/// Joints in pixels of the network's input; those in space alone only as far as it gives pixels itself.
std::vector<Joint> joints_of(const PoseOutputs& outputs, float width, float height, Refinement refinement);

}  // namespace kiln::vision
