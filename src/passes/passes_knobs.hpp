#pragma once

#include "base/knobs.hpp"

namespace kiln {

inline Knob<bool> optimize_models{"optimize", "KILN_OPTIMIZE", true,
                                  "rewrite graphs before they run: fold constants, drop copies, fuse"};

/// The knobs of this room.
KnobList passes_knobs();

}  // namespace kiln
