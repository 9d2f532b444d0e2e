#pragma once

#include "base/knobs.hpp"

namespace kiln::vision {

inline Knob<std::string> font_knob{"font", "KILN_FONT", "",
                                   "font file of the letters drawn into pictures; empty looks for one"};
inline Knob<std::string> ffmpeg_knob{"ffmpeg", "KILN_FFMPEG", "ffmpeg", "the program that reads and writes videos"};

}  // namespace kiln::vision
