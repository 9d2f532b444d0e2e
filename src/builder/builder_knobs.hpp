#pragma once

#include "base/knobs.hpp"
#include "kiln/build_options.hpp"

namespace kiln {

inline Knob<std::string> timing_cache_knob{
    "timing_cache", "KILN_TIMING_CACHE", "auto",
    "the file that keeps what the builder measured; auto is kiln/timings in the user's cache folder, none keeps "
    "nothing"};

inline ChoiceKnob<Tune> session_tune_knob{"tune",
                                          "KILN_TUNE",
                                          Tune::off,
                                          "how much a session made of an ONNX model times before it runs",
                                          {{"off", Tune::off}, {"fast", Tune::fast}, {"full", Tune::full}}};

/// The knobs of this room.
KnobList builder_knobs();

}  // namespace kiln
