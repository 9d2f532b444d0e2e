#pragma once

#include <cstdint>

namespace kiln {

/// Raised whenever a tactic packs its weights in another way or gives its tuning numbers another meaning: engines and
/// measurements of before are then of no use.
inline constexpr uint32_t packing_version = 3;

}  // namespace kiln
