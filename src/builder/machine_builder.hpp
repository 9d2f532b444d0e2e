#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "builder/candidate.hpp"
#include "builder/select.hpp"
#include "builder/tune.hpp"
#include "kiln/build_options.hpp"
#include "kiln/build_report.hpp"

namespace kiln {

/// Chooses ways for a main graph or a body, which has one size alone. Packs nothing yet.
class MachineBuilder {
 public:
  MachineBuilder(const Program& program, const BuildOptions& options, Isa isa);

  int threads() const { return target_.threads; }
  Machine& machine() { return machine_; }

  /// The first size: `share` of the time for measuring is spent on it.
  void choose_first(const BuildFacts& facts, double share);
  double first_seconds() const { return first_seconds_; }

  /// All ways for another size of the inputs.
  std::vector<Choice> choices_at(const BuildFacts& facts) const;
  /// Chooses for another size, and returns the number of the ways that it takes and the seconds of a run.
  std::pair<size_t, double> choose_other(const BuildFacts& facts, std::vector<Choice> choices, double seconds,
                                         SizeReport& report);

 private:
  using Kept = std::vector<std::pair<const Tactic*, Tuning>>;

  Selection selected(const BuildFacts& facts, const std::vector<Choice>& choices) const;
  void measure(std::vector<Choice>& choices, TuneOptions how);
  void keep(size_t group, const Candidate& candidate);
  bool is_kept(size_t group, const Candidate& candidate) const;
  bool is_first(size_t group, const Candidate& candidate) const;
  /// The candidates that do a group as for the first size.
  std::vector<size_t> numbers_of_first(size_t group, const Choice& choice) const;
  /// What a run takes in the ways of the first size; nothing where these cannot do all.
  std::optional<Selection> select_first(const BuildFacts& facts, std::vector<Choice> choices) const;

  const Program& program_;
  const BuildOptions& options_;
  const double plain_bytes_;
  const Target target_;
  CopyCosts copies_;
  Machine machine_;
  std::vector<Kept> kept_;       ///< for each group, what stays in memory
  double bytes_ = 0;             ///< of it
  bool drops_provided_ = false;  ///< other providers' ways are not worth it where Kiln has one
  double first_seconds_ = 0;
};

}  // namespace kiln
