#pragma once

#include <vector>

#include "builder/typical_shapes.hpp"
#include "runtime/machine.hpp"

namespace kiln {

/// A way to do a group, with what it should cost.
struct Candidate {
  const Tactic* tactic = nullptr;  ///< null: reference code, a view, or parts in place
  Tuning tuning;
  Formats formats;
  double seconds = 0;
};

/// The ways to do a group for these facts, at least one.
std::vector<Candidate> candidates_for(const Program& program, const BuildFacts& facts, const Group& group, Isa isa,
                                      int threads);

/// One candidate for each group, such that all of them with the copies between their formats cost least.
std::vector<Candidate> select(const Program& program, const BuildFacts& facts, const std::vector<Group>& groups,
                              Isa isa, int threads);

}  // namespace kiln
