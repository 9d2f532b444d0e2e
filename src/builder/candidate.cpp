#include "builder/candidate.hpp"

#include <algorithm>
#include <limits>

#include "runtime/schedule.hpp"
#include "runtime/structural.hpp"

namespace kiln {
namespace {

constexpr double reference_bytes_per_second = 0.3e9;
/// What a step costs beside its work: finding addresses, and waking threads.
constexpr double step_seconds = 3e-7;
/// What a second thread adds to the first.
constexpr double share_of_more_threads = 0.9;

Formats plain_formats(const Group& group) {
  return {std::vector<Format>(group.inputs.size(), Format::plain),
          std::vector<Format>(group.outputs.size(), Format::plain)};
}

Candidate reference(const Program& program, const Facts& facts, const Group& group) {
  Candidate candidate;
  candidate.formats = plain_formats(group);
  double bytes = 1000;
  for (const auto* ids : {&group.inputs, &group.outputs}) {
    for (ValueId id : *ids) bytes += id == no_value ? 0 : tensor_bytes(spec_of(program, facts, id));
  }
  candidate.seconds = candidate.modelled = bytes / reference_bytes_per_second;
  return candidate;
}

/// Concat and Split that cost nothing, in the formats in which they do.
void add_structural(const Problem& problem, const Group& group, std::vector<Candidate>& candidates) {
  const Node& node = problem.anchor();
  const bool joins = node.op_type == "Concat", splits = node.op_type == "Split";
  if (!joins && !splits) return;
  for (const Format format : {Format::blocked, Format::plain}) {
    const auto places = joins ? concat_places(problem, format) : split_places(problem, format);
    if (!places) continue;
    Candidate candidate;
    candidate.formats = plain_formats(group);
    if (joins) {
      candidate.formats = uniform_formats(problem, format);
    } else {
      candidate.formats.inputs[0] = format;
      std::fill(candidate.formats.outputs.begin(), candidate.formats.outputs.end(), format);
    }
    candidates.push_back(std::move(candidate));
  }
  if (splits && split_columns(problem)) candidates.push_back({.formats = plain_formats(group)});
}

/// What a tactic packs must be constant whatever the shapes of the inputs.
bool can_pack(const Program& program, const Facts& sure, const Group& group, const Tactic& tactic) {
  for (size_t i = 0; i < group.inputs.size() && i < 32; ++i) {
    const bool packed = (tactic.packs >> i & 1) != 0 && group.inputs[i] != no_value;
    if (packed && constant_value(program, sure, group.inputs[i]) == nullptr) return false;
  }
  return true;
}

double wall_seconds(double one_thread, int threads) {
  const int parts = parts_for(one_thread, threads);
  return one_thread / (1 + share_of_more_threads * (parts - 1)) + step_seconds;
}

/// Of other providers' ways those that should be about as fast as the best of Kiln's own, which know its layouts: the
/// rest need not be timed. All where Kiln has none.
void add_promising(std::vector<Candidate> provided, std::vector<Candidate>& candidates) {
  constexpr double worth_trying = 1.1;
  double best = std::numeric_limits<double>::infinity();
  for (const Candidate& own : candidates) best = std::min(best, own.seconds);
  for (Candidate& way : provided) {
    if (way.seconds <= worth_trying * best) candidates.push_back(std::move(way));
  }
}

/// The bytes of packed weights, and of constants that are read as they are.
double resident_bytes(const Problem& problem, const Tactic& tactic, const Tuning& tuning) {
  double bytes = tactic.packed_floats ? static_cast<double>(tactic.packed_floats(problem, tuning)) * 4 : 0;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const bool packed = i < 32 && (tactic.packs >> i & 1) != 0;
    if (!packed && problem.inputs[i].constant != nullptr) bytes += tensor_bytes(problem.inputs[i]);
  }
  return bytes;
}

}  // namespace

std::string Candidate::describe() const {
  if (tactic == nullptr) return is_apart ? "an engine of its own" : seconds > 0 ? "reference code" : "in place";
  std::string text(tactic->name);
  if (tactic->describe) text += ", " + tactic->describe(tuning);
  return text;
}

double tensor_bytes(const TensorSpec& spec) {
  double bytes = static_cast<double>(dtype_size(spec.dtype == DType::undefined ? DType::f32 : spec.dtype));
  for (int64_t dim : spec.shape) bytes *= static_cast<double>(dim);
  return bytes;
}

void add_candidate(Choice& choice, const Tactic& tactic, const Tuning& tuning, const Formats& formats, int threads) {
  if (!choice.problem) return;
  const Problem& problem = *choice.problem;
  const auto same = [&](const Candidate& c) {
    return c.tactic == &tactic && c.tuning == tuning && c.formats == formats;
  };
  if (std::any_of(choice.candidates.begin(), choice.candidates.end(), same)) return;
  const bool takes = std::any_of(choice.candidates.begin(), choice.candidates.end(),
                                 [&](const Candidate& c) { return c.tactic == &tactic && c.formats == formats; });
  if (!takes) return;
  const double seconds = wall_seconds(tactic.cost(problem, tuning), threads);
  choice.candidates.push_back({&tactic, tuning, formats, seconds, seconds, resident_bytes(problem, tactic, tuning)});
}

Choice make_choice(const Program& program, const BuildFacts& facts, const Group& group, const Target& target) {
  Choice choice;
  choice.group = &group;
  if (group.is_sequel) {
    choice.candidates.push_back({.formats = plain_formats(group), .is_apart = true});
    return choice;
  }
  choice.problem = make_problem(program, facts.typical, group, target.isa, target.threads);
  if (choice.problem) {
    choice.problem->far_weights = target.far_weights;
    const Problem& problem = *choice.problem;
    const auto add = [&](const Tactic* tactic, std::vector<Candidate>& candidates) {
      std::string why = tactic->approximates && target.math == Math::strict ? "strict mathematics is asked for"
                                                                            : tactic->declines(problem);
      if (why.empty() && !can_pack(program, facts.sure, group, *tactic)) why = "weights that depend on input shapes";
      if (why.empty() && tactic->declines_weights != nullptr) why = tactic->declines_weights(problem);
      if (!why.empty()) {
        choice.declines.push_back({tactic, std::move(why)});
        return;
      }
      const std::vector<Formats> formats = tactic->formats(problem);
      for (const Tuning& tuning : tactic->tunings(problem)) {
        const double seconds = wall_seconds(tactic->cost(problem, tuning), target.threads);
        const double bytes = resident_bytes(problem, *tactic, tuning);
        for (const Formats& f : formats) candidates.push_back({tactic, tuning, f, seconds, seconds, bytes});
      }
    };
    for (const Tactic* tactic : tactics_for(problem.anchor())) add(tactic, choice.candidates);
    std::vector<Candidate> provided;
    for (const Provider* provider : target.providers) {
      for (const Tactic* tactic : provider_tactics(*provider, problem.anchor())) add(tactic, provided);
    }
    if (target.own_last && !provided.empty()) choice.candidates.clear();
    add_promising(std::move(provided), choice.candidates);
    if (group.nodes.size() == 1) {
      if (is_view(problem.anchor())) choice.candidates.push_back({.formats = plain_formats(group)});
      add_structural(problem, group, choice.candidates);
    }
  }
  if (choice.candidates.empty()) choice.candidates.push_back(reference(program, facts.typical, group));
  return choice;
}

}  // namespace kiln
