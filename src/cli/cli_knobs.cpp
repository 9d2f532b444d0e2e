#include "cli/cli_knobs.hpp"

#include <vector>

#include "api/all_knobs.hpp"
#include "vision/vision_knobs.hpp"

namespace kiln::cli {

KnobList program_knobs() {
  static const std::vector<KnobBase*> knobs = [] {
    const KnobList library = all_knobs();
    std::vector<KnobBase*> joined(library.begin(), library.end());
    joined.push_back(&python_knob);
    joined.push_back(&vision::font_knob);
    joined.push_back(&vision::ffmpeg_knob);
    return joined;
  }();
  return knobs;
}

}  // namespace kiln::cli
