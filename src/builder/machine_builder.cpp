#include "builder/machine_builder.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "builder/fuse.hpp"
#include "builder/problem_key.hpp"
#include "builder/timing_cache.hpp"
#include "runtime/providers.hpp"

namespace kiln {
namespace {

/// Other ways must save so much of the time of a run, for they take memory.
constexpr double worth_other_ways = 1.03;
constexpr size_t most_candidates_of_others = 6;
constexpr double worth_a_library = 0.95;  ///< of the time without it: loading takes milliseconds and memory

/// Of all constants of the main graph.
int64_t weight_bytes(const Program& program) {
  int64_t bytes = 0;
  for (const Value& constant : program.constants) {
    if (constant.is_tensor()) bytes += static_cast<int64_t>(constant.tensor().bytes());
  }
  return bytes;
}

/// Those that the options name, beside Kiln itself. By default a build that times takes all that are there.
std::vector<const Provider*> providers_of(const BuildOptions& options) {
  std::vector<const Provider*> providers;
  for (const std::string& name : options.providers) {
    if (name != "kiln") providers.push_back(&load_provider(name));
  }
  if (!options.providers.empty() || options.tune == Tune::off) return providers;
  for (const std::string_view name : provider_names()) {
    if (const Provider* provider = load_provider_if_there(name)) providers.push_back(provider);
  }
  return providers;
}

bool is_own_last(const BuildOptions& options) {
  const std::vector<std::string>& names = options.providers;
  return !names.empty() && std::find(names.begin(), names.end(), "kiln") == names.end();
}

bool is_provided(const Candidate& candidate, const Target& target) {
  return candidate.tactic != nullptr && !target.providers.empty() && find_tactic(candidate.tactic->name) == nullptr;
}

/// Takes other providers' ways out where Kiln has one, so that engines do not need a library for little.
bool drop_provided(std::vector<Choice>& choices, const Target& target) {
  bool dropped = false;
  for (Choice& choice : choices) {
    std::vector<Candidate>& all = choice.candidates;
    const auto own_end =
        std::stable_partition(all.begin(), all.end(), [&](const Candidate& c) { return !is_provided(c, target); });
    if (own_end == all.begin() || own_end == all.end()) continue;
    choice.declines.push_back({own_end->tactic, "no gain that is worth loading its library"});
    all.erase(own_end, all.end());
    dropped = true;
  }
  return dropped;
}

GroupReport report_of(const Program& program, const Choice& choice, size_t picked) {
  GroupReport report;
  for (size_t index : choice.group->nodes) {
    const Node& node = program.graph->nodes[index];
    report.nodes += (report.nodes.empty() ? "" : ", ") + (node.name.empty() ? node.describe(index) : node.name);
    if (choice.group->is_sequel) break;
  }
  report.ops = ops_of(*program.graph, *choice.group);
  if (choice.problem) report.problem = problem_key(*choice.problem);
  for (size_t i = 0; i < choice.candidates.size(); ++i) {
    const Candidate& c = choice.candidates[i];
    WayReport way{c.describe(), formats_text(c.formats), c.seconds, c.modelled, c.measured, c.bytes};
    if (i == picked) {
      report.pick = std::move(way);
    } else {
      report.others.push_back(std::move(way));
    }
  }
  std::stable_sort(report.others.begin(), report.others.end(),
                   [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  for (const Decline& decline : choice.declines) report.declines.emplace_back(decline.tactic->name, decline.why);
  return report;
}

MachineStep step_of(const Group& group, const Candidate& candidate) {
  MachineStep step;
  step.group = group;
  step.tactic = candidate.tactic;
  step.tuning = candidate.tuning;
  step.formats = candidate.formats;
  step.seconds = candidate.seconds;
  step.measured = candidate.measured;
  return step;
}

}  // namespace

MachineBuilder::MachineBuilder(const Program& program, const BuildOptions& options, Isa isa)
    : program_(program),
      options_(options),
      plain_bytes_(static_cast<double>(weight_bytes(program))),
      target_{isa,
              options.threads > 0 ? options.threads : default_pool().threads(),
              options.math,
              plain_bytes_ > static_cast<double>(cache_sizes().l3) / 2,
              providers_of(options),
              is_own_last(options)} {
  copies_.block = block_of(isa);
  machine_.isa = isa;
}

void MachineBuilder::choose_first(const BuildFacts& facts, double share) {
  const std::vector<Group> groups = fuse(program_, facts);
  std::vector<Choice> choices;
  for (const Group& group : groups) choices.push_back(make_choice(program_, facts, group, target_));
  Selection selection = selected(facts, choices);
  if (options_.tune != Tune::off) {
    measure(choices, {.time_budget_seconds = share * options_.time_budget_seconds, .price = selection.price});
    selection = selected(facts, choices);
  }
  std::vector<Choice> with_all = choices;
  if (drop_provided(choices, target_)) {
    Selection own = selected(facts, choices);
    drops_provided_ = selection.seconds >= worth_a_library * own.seconds;
    if (drops_provided_) {
      selection = std::move(own);
    } else {
      choices = std::move(with_all);
    }
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const Candidate& candidate = choices[i].candidates[selection.chosen[i]];
    machine_.steps.push_back(step_of(groups[i], candidate));
    kept_.emplace_back();
    keep(i, candidate);
    if (options_.report != nullptr) {
      options_.report->groups.push_back(report_of(program_, choices[i], selection.chosen[i]));
    }
  }
  bytes_ = selection.bytes;
  first_seconds_ = selection.seconds;
}

std::vector<Choice> MachineBuilder::choices_at(const BuildFacts& facts) const {
  std::vector<Choice> choices;
  std::map<std::string, std::vector<const MachineStep*>> first_ways;  // of all groups that are the same problem
  std::vector<std::string> keys;
  for (const MachineStep& step : machine_.steps) {
    choices.push_back(make_choice(program_, facts, step.group, target_));
    keys.push_back(choices.back().problem ? problem_key(*choices.back().problem) : "");
    if (step.tactic != nullptr) first_ways[keys.back()].push_back(&step);
  }
  if (drops_provided_) drop_provided(choices, target_);
  for (size_t i = 0; i < choices.size(); ++i) {
    if (!keys[i].empty()) {
      for (const MachineStep* step : first_ways[keys[i]]) {
        add_candidate(choices[i], *step->tactic, step->tuning, step->formats, target_.threads);
      }
    }
    // What is in memory for another size costs nothing more.
    for (Candidate& candidate : choices[i].candidates) {
      if (is_kept(i, candidate)) candidate.bytes = 0;
    }
  }
  return choices;
}

std::pair<size_t, double> MachineBuilder::choose_other(const BuildFacts& facts, std::vector<Choice> choices,
                                                       double seconds, SizeReport& report) {
  if (options_.tune != Tune::off) {
    TuneOptions how{.time_budget_seconds = seconds, .most_candidates = most_candidates_of_others};
    how.price = selected(facts, choices).price;
    for (size_t i = 0; i < choices.size(); ++i) how.sure.push_back(numbers_of_first(i, choices[i]));
    measure(choices, how);
  }
  const Selection chosen = selected(facts, choices);
  const std::optional<Selection> first = select_first(facts, choices);
  report.seconds = chosen.seconds;
  report.seconds_by_first = first ? first->seconds : 0;
  if (first && first->seconds <= chosen.seconds * worth_other_ways) {
    report.seconds = first->seconds;
    return {0, first->seconds};
  }
  report.own_ways = true;
  report.bytes = chosen.bytes;
  bytes_ += chosen.bytes;
  std::vector<MachineStep> steps;
  for (size_t i = 0; i < choices.size(); ++i) {
    const Candidate& candidate = choices[i].candidates[chosen.chosen[i]];
    steps.push_back(step_of(machine_.steps[i].group, candidate));
    keep(i, candidate);
    if (is_first(i, candidate)) continue;
    report.groups.push_back(report_of(program_, choices[i], chosen.chosen[i]));
  }
  machine_.others.push_back(std::move(steps));
  return {machine_.others.size(), chosen.seconds};
}

Selection MachineBuilder::selected(const BuildFacts& facts, const std::vector<Choice>& choices) const {
  return select(program_, facts, choices, exchange_of(options_.prefer), plain_bytes_, copies_, bytes_);
}

void MachineBuilder::measure(std::vector<Choice>& choices, TuneOptions how) {
  const std::string path = timing_cache_path();
  TimingCache cache;
  if (!path.empty()) cache.load(path);
  how.tune = options_.tune;
  how.progress = options_.progress;
  how.stopped = [&] { return options_.stop_tuning != nullptr && options_.stop_tuning->load(); };
  const std::string before = cache.text();
  tune(choices, copies_, target_, cache, how);
  if (!path.empty() && cache.text() != before) cache.save(path);
}

void MachineBuilder::keep(size_t group, const Candidate& candidate) {
  if (candidate.tactic == nullptr || is_kept(group, candidate)) return;
  kept_[group].emplace_back(candidate.tactic, packing_of(*candidate.tactic, candidate.tuning));
}

bool MachineBuilder::is_kept(size_t group, const Candidate& candidate) const {
  if (candidate.tactic == nullptr) return true;
  const Kept& kept = kept_[group];
  const Tuning packing = packing_of(*candidate.tactic, candidate.tuning);
  return std::any_of(kept.begin(), kept.end(), [&](const auto& one) {
    // What reads weights as they are has them in memory whoever it is.
    return one.first->pack == nullptr && candidate.tactic->pack == nullptr
               ? true
               : one.first == candidate.tactic && one.second == packing;
  });
}

bool MachineBuilder::is_first(size_t group, const Candidate& candidate) const {
  const MachineStep& step = machine_.steps[group];
  return candidate.tactic == step.tactic && candidate.tuning == step.tuning && candidate.formats == step.formats;
}

std::vector<size_t> MachineBuilder::numbers_of_first(size_t group, const Choice& choice) const {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < choice.candidates.size(); ++i) {
    if (is_first(group, choice.candidates[i])) numbers.push_back(i);
  }
  return numbers;
}

std::optional<Selection> MachineBuilder::select_first(const BuildFacts& facts, std::vector<Choice> choices) const {
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::vector<size_t> numbers = numbers_of_first(i, choices[i]);
    if (numbers.empty()) return std::nullopt;
    choices[i].candidates = {choices[i].candidates[numbers.front()]};
  }
  return select(program_, facts, choices, 0, copies_);
}

}  // namespace kiln
