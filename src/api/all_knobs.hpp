#pragma once

#include "base/knobs.hpp"

namespace kiln {

/// The knobs of all rooms.
KnobList all_knobs();

}  // namespace kiln
