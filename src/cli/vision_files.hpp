#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/json.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/point.hpp"

namespace kiln::cli {

/// What a command that looks at pictures was given, told apart by content (engines) and name (.onnx).
struct VisionFiles {
  std::vector<std::string> models, pictures;
};
/// Fails with UsageError where a file is missing, or there is no picture.
VisionFiles sort_files(const std::vector<std::string>& files);

/// What is written where the command's pictures go: `output` itself for one picture, and a file of the same name in the
/// folder `output` for several.
class PictureOutput {
 public:
  PictureOutput(std::string output, size_t pictures);
  bool wanted() const { return !output_.empty(); }
  std::string path_for(const std::string& picture) const;

 private:
  std::string output_;
  bool folder_ = false;
};

/// Parts of the way and their milliseconds, in order.
using PartTimes = std::vector<std::pair<std::string, double>>;
void print_times(const PartTimes& times);
Json times_json(const PartTimes& times);

/// [[x, y], ...]
Json box_json(const vision::Quad& box);

}  // namespace kiln::cli
