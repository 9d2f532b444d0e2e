#pragma once

#include <vector>

#include "builder/candidate.hpp"

namespace kiln {

/// How the time and the memory of an engine are held against each other, whatever the size of the model.
struct Exchange {
  double time_for_memory = 0;     ///< percents of the time of a run that one percent of the memory is worth
  double most_times_plain = 1e9;  ///< weights in memory over plain weights, where any choice is within that
};

/// Balanced, a percent of the memory must buy 0.15 percent of the time: what Winograd's weights take is well spent in
/// small models, but where most of the memory are weights transformed by F(6x6), F(4x4) costs little time and halves
/// them. Weights never take more than 2.5 times what the model has, some megabytes aside, for engines that take more
/// than their peers are no bargain at any speed.
Exchange exchange_of(Prefer prefer);

/// What it costs that a value is made in one format and read in another.
struct CopyCosts {
  int64_t block = 16;  ///< of the instruction set
  double start_seconds = 5e-7;
  /// Of a plain tensor of some megabytes whose channels fill their blocks.
  double to_blocked_bytes_per_second = 16e9, to_plain_bytes_per_second = 16e9;
  double seconds(const TensorSpec& spec, Format made, Format read) const;
};

struct Selection {
  std::vector<size_t> chosen;  ///< candidates, one for each group
  double seconds = 0;          ///< of a run, copies between formats included
  double bytes = 0;            ///< of weights
  double price = 0;            ///< seconds that a byte was worth
};

/// Which candidate each group takes, such that all of them with the copies between their formats and the price of
/// their bytes cost least.
Selection select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices, double price,
                 const CopyCosts& copies);
/// The same with the price that serves the exchange best. `plain_bytes` are those of the model's weights,
/// `bytes_before` stay in memory whatever is chosen.
Selection select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices,
                 const Exchange& exchange, double plain_bytes, const CopyCosts& copies, double bytes_before = 0);

}  // namespace kiln
