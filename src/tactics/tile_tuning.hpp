#pragma once

#include "kernels/tile/tile_walk.hpp"
#include "tactics/tactic.hpp"

namespace kiln {

/// A TileTuning as the numbers of a Tuning, and back.
Tuning to_tuning(const TileTuning& t);
TileTuning tile_tuning(const Tuning& tuning);
/// Tactic::packed_by of kernels made of tiles: the blocks.
inline constexpr uint8_t tile_packed_by = 0b1;
std::string describe_tile_tuning(const Tuning& tuning);
/// In the order given, each once.
std::vector<Tuning> unique_tunings(const std::vector<TileTuning>& all);

}  // namespace kiln
