#include "builder/build.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "builder/fuse.hpp"
#include "builder/select.hpp"
#include "builder/timing_cache.hpp"
#include "builder/tune.hpp"
#include "builder/typical_shapes.hpp"

namespace kiln {
namespace {

std::shared_ptr<float> aligned_floats(int64_t count) {
  constexpr size_t alignment = 64;
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) / alignment + 2) * alignment;
  auto* memory = static_cast<float*>(std::aligned_alloc(alignment, bytes));
  if (memory == nullptr) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes for packed weights", bytes);
  return {memory, std::free};
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

/// Packs the weights of all steps, on all threads.
void pack(const Program& program, const BuildFacts& facts, int threads, Machine& machine) {
  machine.keepers.resize(machine.steps.size());
  parallel_for(static_cast<int64_t>(machine.steps.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      MachineStep& step = machine.steps[static_cast<size_t>(i)];
      if (step.tactic == nullptr || step.tactic->pack == nullptr) continue;
      std::vector<Tensor> copies;
      const Problem problem = with_aligned_constants(
          *make_problem(program, facts.typical, step.group, machine.isa, threads), *step.tactic, copies);
      step.packed_floats = step.tactic->packed_floats(problem, step.tuning);
      const std::shared_ptr<float> packed = aligned_floats(step.packed_floats);
      step.tactic->pack(problem, step.tuning, packed.get());
      step.packed = packed.get();
      machine.keepers[static_cast<size_t>(i)] = packed;
    }
  });
}

void measure(std::vector<Choice>& choices, CopyCosts& copies, const Target& target, const BuildOptions& options) {
  const std::string path = timing_cache_path();
  TimingCache cache;
  if (!path.empty()) cache.load(path);
  TuneOptions how;
  how.tune = options.tune;
  how.time_budget_seconds = options.time_budget_seconds;
  how.price = price_of_byte(options.prefer);
  how.progress = options.progress;
  how.stopped = [&] { return options.stop_tuning != nullptr && options.stop_tuning->load(); };
  const std::string before = cache.text();
  tune(choices, copies, target, cache, how);
  if (!path.empty() && cache.text() != before) cache.save(path);
}

GroupReport report_of(const Program& program, const Choice& choice, size_t picked) {
  GroupReport report;
  for (size_t index : choice.group->nodes) {
    const Node& node = program.graph->nodes[index];
    report.nodes += (report.nodes.empty() ? "" : ", ") + (node.name.empty() ? node.describe(index) : node.name);
    report.ops += (report.ops.empty() ? "" : "+") + node.op_type;
  }
  const Candidate& pick = choice.candidates[picked];
  report.pick = pick.describe();
  report.seconds = pick.seconds, report.measured = pick.measured, report.bytes = pick.bytes;
  for (size_t i = 0; i < choice.candidates.size(); ++i) {
    const Candidate& other = choice.candidates[i];
    if (i != picked) report.others.push_back({other.describe(), other.seconds, other.measured});
  }
  std::stable_sort(report.others.begin(), report.others.end(),
                   [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  for (const Decline& decline : choice.declines) report.declines.emplace_back(decline.tactic->name, decline.why);
  return report;
}

}  // namespace

Machine build_machine(const EngineDef& engine, const BuildOptions& options, const BuildDetails& details) {
  Machine machine;
  machine.isa = best_isa();
  const int threads = options.threads > 0 ? options.threads : default_pool().threads();
  const Target target{machine.isa, threads, options.math};
  const Program& program = engine.program();
  const BuildFacts facts = build_facts(engine, details.shapes);
  const std::vector<Group> groups = fuse(program, facts);
  std::vector<Choice> choices;
  for (const Group& group : groups) choices.push_back(make_choice(program, facts, group, target));
  CopyCosts copies;
  if (options.tune != Tune::off) measure(choices, copies, target, options);
  const std::vector<size_t> chosen = select(program, facts, choices, price_of_byte(options.prefer), copies);
  for (size_t i = 0; i < groups.size(); ++i) {
    const Candidate& candidate = choices[i].candidates[chosen[i]];
    MachineStep step;
    step.group = groups[i];
    step.tactic = candidate.tactic;
    step.tuning = candidate.tuning;
    step.formats = candidate.formats;
    step.seconds = candidate.seconds;
    step.measured = candidate.measured;
    machine.steps.push_back(std::move(step));
    if (details.report != nullptr) details.report->groups.push_back(report_of(program, choices[i], chosen[i]));
  }
  pack(program, facts, threads, machine);
  return machine;
}

}  // namespace kiln
