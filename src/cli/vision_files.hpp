#pragma once

#include <chrono>
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

/// The lines of a small text file; blank ones at its end are none.
std::vector<std::string> read_lines(const std::string& path);

class Timer {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Parts of the way and their milliseconds, in order.
using PartTimes = std::vector<std::pair<std::string, double>>;
void print_times(const PartTimes& times);
Json times_json(const PartTimes& times);

/// [[x, y], ...]
Json box_json(const vision::Quad& box);

}  // namespace kiln::cli
