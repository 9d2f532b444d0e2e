#include "builder/pack_machine.hpp"

#include <compare>
#include <map>
#include <tuple>

#include "base/error.hpp"
#include "base/large_memory.hpp"
#include "base/thread_pool.hpp"

namespace kiln {
namespace {

std::shared_ptr<float> weight_memory(int64_t floats, int threads) {
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float) + 64;
  auto* const memory = static_cast<float*>(allocate_large(bytes, threads));
  if (memory == nullptr) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes for packed weights", bytes);
  return {memory, [bytes](float* weights) { free_large(weights, bytes); }};
}

/// A problem whose packed constants are where code can read them as they are.
Problem with_aligned_constants(Problem problem, const Tactic& tactic, std::vector<Tensor>& copies) {
  const uint32_t copied = tactic.packs & ~tactic.packs_askew;
  copies.reserve(problem.inputs.size());
  for (size_t i = 0; i < problem.inputs.size() && i < 32; ++i) {
    TensorSpec& input = problem.inputs[i];
    if ((copied >> i & 1) == 0 || input.constant == nullptr || input.constant->is_aligned()) continue;
    copies.push_back(input.constant->clone());
    input.constant = &copies.back();
  }
  return problem;
}

/// What is packed for a group: of whom, and how.
struct Packing {
  size_t group = 0;
  const Tactic* tactic = nullptr;
  Tuning packing;
  auto operator<=>(const Packing& other) const {
    return std::tie(group, tactic, packing.numbers) <=> std::tie(other.group, other.tactic, other.packing.numbers);
  }
};

}  // namespace

void pack_machine(const Program& program, const std::vector<const Facts*>& facts, int threads, Machine& machine) {
  struct Job {
    size_t ways, step;
    int64_t place;
  };
  std::vector<Job> jobs;
  std::map<Packing, size_t> known;
  std::vector<std::pair<MachineStep*, size_t>> users;
  int64_t floats = 0;
  const auto problem_of = [&](const MachineStep& step, size_t ways) {
    return *make_problem(program, *facts[ways], step.group, machine.isa, threads);
  };
  for (size_t ways = 0; ways <= machine.others.size(); ++ways) {
    std::vector<MachineStep>& steps = ways == 0 ? machine.steps : machine.others[ways - 1];
    for (size_t i = 0; i < steps.size(); ++i) {
      MachineStep& step = steps[i];
      if (step.tactic == nullptr || step.tactic->pack == nullptr) continue;
      step.packed_floats = step.tactic->packed_floats(problem_of(step, ways), step.tuning);
      const Packing key{i, step.tactic, packing_of(*step.tactic, step.tuning)};
      const auto [place, is_new] = known.emplace(key, jobs.size());
      users.emplace_back(&step, place->second);
      if (!is_new) continue;
      jobs.push_back({ways, i, floats});
      // Each begins on a line of the cache, and vector code may read a little past its end.
      floats += (step.packed_floats + 31) / 16 * 16;
    }
  }
  if (floats == 0) return;
  const std::shared_ptr<float> memory = weight_memory(floats, threads);
  machine.keepers.push_back(memory);
  const auto pack = [&](const Job& job) {
    const MachineStep& step = machine.ways(job.ways)[job.step];
    std::vector<Tensor> copies;
    const Problem problem = with_aligned_constants(problem_of(step, job.ways), *step.tactic, copies);
    step.tactic->pack(problem, step.tuning, memory.get() + job.place);
  };
  // What is most of all by itself is shared by the threads, if its tactic can do that.
  const auto is_most = [&](const Job& job) { return 2 * machine.ways(job.ways)[job.step].packed_floats > floats; };
  parallel_for(static_cast<int64_t>(jobs.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (const Job& job = jobs[static_cast<size_t>(i)]; !is_most(job)) pack(job);
    }
  });
  for (const Job& job : jobs) {
    if (is_most(job)) pack(job);
  }
  for (const auto& [step, job] : users) step->packed = memory.get() + jobs[job].place;
}

}  // namespace kiln
