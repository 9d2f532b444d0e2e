#pragma once

#include <span>
#include <vector>

namespace kiln::vision {

/// Scores as probabilities: as they are where they are none below 0 and sum up to 1, else their softmax. What is no
/// number is the least likely.
std::vector<float> to_probabilities(std::span<const float> scores);

}  // namespace kiln::vision
