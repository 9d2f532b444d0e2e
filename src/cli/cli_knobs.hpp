#pragma once

#include <string>

#include "base/knobs.hpp"

namespace kiln::cli {

inline Knob<std::string> python_knob{"python", "KILN_PYTHON", "python3",
                                     "the Python that runs what only Python has: ONNX Runtime in kiln compare"};

/// The knobs of the library and of the program.
KnobList program_knobs();

}  // namespace kiln::cli
