#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::vision {

struct DecodedText {
  std::string text;
  double score = 0;
};

/// The best path through [steps, classes] of probabilities: class 0 is the blank, repeats are one, and the score is the
/// mean of what remains. `classes` must be that of `characters`, whose first stands for the blank.
DecodedText decode_ctc(const float* probabilities, int64_t steps, const std::vector<std::string>& characters);

/// The lines of a text, as a model's metadata list characters.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace kiln::vision
