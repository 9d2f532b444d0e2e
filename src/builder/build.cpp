#include "builder/build.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/large_memory.hpp"
#include "base/thread_pool.hpp"
#include "builder/fuse.hpp"
#include "builder/problem_key.hpp"
#include "builder/select.hpp"
#include "builder/timing_cache.hpp"
#include "builder/tune.hpp"
#include "builder/typical_shapes.hpp"
#include "graph/captures.hpp"
#include "runtime/bodies.hpp"

namespace kiln {
namespace {

std::shared_ptr<float> weight_memory(int64_t floats) {
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float) + 64;
  auto* const memory = static_cast<float*>(allocate_large(bytes));
  if (memory == nullptr) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes for packed weights", bytes);
  return {memory, [bytes](float* weights) { free_large(weights, bytes); }};
}

/// Of all constants of the main graph.
int64_t weight_bytes(const Program& program) {
  int64_t bytes = 0;
  for (const Value& constant : program.constants) {
    if (constant.is_tensor()) bytes += static_cast<int64_t>(constant.tensor().bytes());
  }
  return bytes;
}

/// A problem whose packed constants are where code can read them as they are.
Problem with_aligned_constants(Problem problem, const Tactic& tactic, std::vector<Tensor>& copies) {
  copies.reserve(problem.inputs.size());
  for (size_t i = 0; i < problem.inputs.size() && i < 32; ++i) {
    TensorSpec& input = problem.inputs[i];
    if ((tactic.packs >> i & 1) == 0 || input.constant == nullptr || input.constant->is_aligned()) continue;
    copies.push_back(input.constant->clone());
    input.constant = &copies.back();
  }
  return problem;
}

/// Packs the weights of all steps into one piece of memory, on all threads.
void pack(const Program& program, const BuildFacts& facts, int threads, Machine& machine) {
  const auto problem_of = [&](const MachineStep& step) {
    return *make_problem(program, facts.typical, step.group, machine.isa, threads);
  };
  std::vector<int64_t> places;
  int64_t floats = 0;
  for (MachineStep& step : machine.steps) {
    places.push_back(floats);
    if (step.tactic == nullptr || step.tactic->pack == nullptr) continue;
    step.packed_floats = step.tactic->packed_floats(problem_of(step), step.tuning);
    // Each begins on a line of the cache, and vector code may read a little past its end.
    floats += (step.packed_floats + 31) / 16 * 16;
  }
  if (floats == 0) return;
  const std::shared_ptr<float> memory = weight_memory(floats);
  machine.keepers.push_back(memory);
  parallel_for(static_cast<int64_t>(machine.steps.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      MachineStep& step = machine.steps[static_cast<size_t>(i)];
      if (step.tactic == nullptr || step.tactic->pack == nullptr) continue;
      std::vector<Tensor> copies;
      const Problem problem = with_aligned_constants(problem_of(step), *step.tactic, copies);
      float* const to = memory.get() + places[static_cast<size_t>(i)];
      step.tactic->pack(problem, step.tuning, to);
      step.packed = to;
    }
  });
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

/// `price` is what a byte may be worth in the end.
void measure(std::vector<Choice>& choices, CopyCosts& copies, const Target& target, const BuildOptions& options,
             double price) {
  const std::string path = timing_cache_path();
  TimingCache cache;
  if (!path.empty()) cache.load(path);
  TuneOptions how;
  how.tune = options.tune;
  how.time_budget_seconds = options.time_budget_seconds;
  how.price = price;
  how.progress = options.progress;
  how.stopped = [&] { return options.stop_tuning != nullptr && options.stop_tuning->load(); };
  const std::string before = cache.text();
  tune(choices, copies, target, cache, how);
  if (!path.empty() && cache.text() != before) cache.save(path);
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
    report.ops += (report.ops.empty() ? "" : "+") + node.op_type;
  }
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

Machine build(const Program& program, const BuildFacts& facts, const BuildOptions& options, Isa isa);

/// Decides how subgraphs are done, each as an engine of its own.
void build_bodies(const Program& program, const BuildFacts& facts, const BuildOptions& options, Machine& machine) {
  BuildOptions inside = options;
  inside.report = nullptr;
  for (size_t node = 0; node < program.graph->nodes.size(); ++node) {
    const std::vector<const Graph*> graphs = subgraphs_of(program.graph->nodes[node]);
    for (size_t which = 0; which < graphs.size(); ++which) {
      std::optional<ClosedBody> closed = close_body(program, node, which);
      if (!closed) continue;
      const std::vector<ValueId> captured = closed->captured;
      auto engine = EngineDef::create(std::move(closed->model), [&](const EngineDef& body) {
        return build(body.program(), facts_of_body(facts, *graphs[which], closed->taken, body), inside, machine.isa);
      });
      machine.bodies.push_back({node, which, captured, std::move(engine)});
    }
  }
}

Machine build(const Program& program, const BuildFacts& facts, const BuildOptions& options, Isa isa) {
  Machine machine;
  machine.isa = isa;
  const int threads = options.threads > 0 ? options.threads : default_pool().threads();
  const Target target{machine.isa,           threads,
                      options.math,          weight_bytes(program) > cache_sizes().l3 / 2,
                      providers_of(options), is_own_last(options)};
  const std::vector<Group> groups = fuse(program, facts);
  std::vector<Choice> choices;
  for (const Group& group : groups) choices.push_back(make_choice(program, facts, group, target));
  CopyCosts copies{.block = block_of(target.isa)};
  const auto selected = [&] {
    return select(program, facts, choices, exchange_of(options.prefer), static_cast<double>(weight_bytes(program)),
                  copies);
  };
  Selection selection = selected();
  if (options.tune != Tune::off) {
    measure(choices, copies, target, options, selection.price);
    selection = selected();
  }
  constexpr double worth_a_library = 0.95;  // of the time without it: loading takes milliseconds and memory
  std::vector<Choice> with_all = choices;
  if (drop_provided(choices, target)) {
    Selection own = selected();
    if (selection.seconds < worth_a_library * own.seconds) {
      choices = std::move(with_all);
    } else {
      selection = std::move(own);
    }
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const Candidate& candidate = choices[i].candidates[selection.chosen[i]];
    MachineStep step;
    step.group = groups[i];
    step.tactic = candidate.tactic;
    step.tuning = candidate.tuning;
    step.formats = candidate.formats;
    step.seconds = candidate.seconds;
    step.measured = candidate.measured;
    machine.steps.push_back(std::move(step));
    if (options.report != nullptr)
      options.report->groups.push_back(report_of(program, choices[i], selection.chosen[i]));
  }
  pack(program, facts, threads, machine);
  build_bodies(program, facts, options, machine);
  return machine;
}

}  // namespace

Machine build_machine(const EngineDef& engine, const BuildOptions& options, std::optional<Isa> isa) {
  return build(engine.program(), build_facts(engine, options.shapes), options, isa.value_or(best_isa()));
}

}  // namespace kiln
