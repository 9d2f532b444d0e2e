#pragma once

#include "base/knobs.hpp"

namespace kiln {

/// The knobs of the room base.
KnobList base_knobs();

}  // namespace kiln
