#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/typical_shapes.hpp"
#include "kiln/build_options.hpp"
#include "runtime/machine.hpp"
#include "runtime/providers.hpp"

namespace kiln {

/// A way to do a group, with what it should cost.
struct Candidate {
  const Tactic* tactic = nullptr;  ///< null: reference code, a view, parts in place, or an engine of its own
  Tuning tuning;
  Formats formats;
  double seconds = 0;   ///< on all threads, as modelled or measured
  double modelled = 0;  ///< seconds by the cost model
  double bytes = 0;     ///< of weights that stay in memory for it
  bool measured = false;
  bool is_apart = false;  ///< what it takes is said of the sequel's own groups

  /// "conv_winograd, F(4x4,3x3), 2 blocks, 28 tiles"
  std::string describe() const;
};

/// A tactic that cannot do a group.
struct Decline {
  const Tactic* tactic;
  std::string why;
};

/// A group with all ways to do it, at least one.
struct Choice {
  const Group* group = nullptr;
  std::optional<Problem> problem;  ///< where all shapes are known
  std::vector<Candidate> candidates;
  std::vector<Decline> declines;
};

struct Target {
  Isa isa = Isa::portable;
  int threads = 1;
  Math math = Math::fast;
  bool far_weights = true;                      ///< Problem::far_weights
  std::vector<const Provider*> providers = {};  ///< beside Kiln itself
  bool own_last = false;                        ///< Kiln's own ways only where no provider has one
};

Choice make_choice(const Program& program, const BuildFacts& facts, const Group& group, const Target& target);

/// One more way to do a group, if its tactic takes the problem in these formats: a tuning that it does not propose
/// itself.
void add_candidate(Choice& choice, const Tactic& tactic, const Tuning& tuning, const Formats& formats, int threads);

/// Of a plain tensor.
double tensor_bytes(const TensorSpec& spec);

}  // namespace kiln
