#pragma once

#include "base/knobs.hpp"

namespace kiln {

inline Knob<std::string> timing_cache_knob{
    "timing_cache", "KILN_TIMING_CACHE", "auto",
    "the file that keeps what the builder measured; auto is kiln/timings in the user's cache folder, none keeps "
    "nothing"};

/// The knobs of this room.
KnobList builder_knobs();

}  // namespace kiln
