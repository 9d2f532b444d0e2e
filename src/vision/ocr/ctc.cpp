#include "vision/ocr/ctc.hpp"

#include <algorithm>

namespace kiln::vision {

DecodedText decode_ctc(const float* probabilities, int64_t steps, const std::vector<std::string>& characters) {
  DecodedText decoded;
  const size_t classes = characters.size();
  size_t before = 0, kept = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const float* row = probabilities + static_cast<size_t>(step) * classes;
    const auto best = static_cast<size_t>(std::max_element(row, row + classes) - row);
    if (best != 0 && best != before) {
      decoded.text += characters[best];
      decoded.score += row[best];
      ++kept;
    }
    before = best;
  }
  if (kept > 0) decoded.score /= static_cast<double>(kept);
  return decoded;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace kiln::vision
