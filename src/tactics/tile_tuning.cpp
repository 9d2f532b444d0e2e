#include "tactics/tile_tuning.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kiln {

Tuning to_tuning(const TileTuning& t) {
  return {{t.blocks, t.rows, static_cast<int32_t>(t.band), t.channels_outer, t.two_lines, t.prefetch_weights,
           t.prefetch_input}};
}

TileTuning tile_tuning(const Tuning& tuning) {
  const auto& n = tuning.numbers;
  TileTuning t;
  t.blocks = n[0], t.rows = n[1], t.band = n[2];
  t.channels_outer = n[3] != 0, t.two_lines = n[4] != 0, t.prefetch_weights = n[5] != 0, t.prefetch_input = n[6] != 0;
  return t;
}

std::string describe_tile_tuning(const Tuning& tuning) {
  const TileTuning t = tile_tuning(tuning);
  const std::string rows = t.rows == TileTable::most_rows ? "" : fmt::format(" of {} rows", t.rows);
  return fmt::format("{} blocks{}, bands of {}{}{}{}{}", t.blocks, rows, t.band,
                     t.channels_outer ? ", channels outer" : "", t.two_lines ? ", two lines" : "",
                     t.prefetch_weights ? ", prefetch" : "", t.prefetch_input ? ", input prefetch" : "");
}

std::vector<Tuning> unique_tunings(const std::vector<TileTuning>& all) {
  std::vector<Tuning> tunings;
  for (const TileTuning& t : all) {
    const Tuning tuning = to_tuning(t);
    if (std::find(tunings.begin(), tunings.end(), tuning) == tunings.end()) tunings.push_back(tuning);
  }
  return tunings;
}

}  // namespace kiln
