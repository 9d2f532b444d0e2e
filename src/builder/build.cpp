#include "builder/build.hpp"

#include <cstdlib>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "builder/fuse.hpp"
#include "builder/select.hpp"
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

}  // namespace

Machine build_machine(const EngineDef& engine, const BuildOptions& options) {
  Machine machine;
  machine.isa = best_isa();
  const int threads = options.threads > 0 ? options.threads : default_pool().threads();
  const Program& program = engine.program();
  const BuildFacts facts = build_facts(engine);
  const std::vector<Group> groups = fuse(program, facts);
  std::vector<Candidate> chosen = select(program, facts, groups, machine.isa, threads);
  for (size_t i = 0; i < groups.size(); ++i) {
    MachineStep step;
    step.group = groups[i];
    step.tactic = chosen[i].tactic;
    step.tuning = chosen[i].tuning;
    step.formats = std::move(chosen[i].formats);
    step.seconds = chosen[i].seconds;
    machine.steps.push_back(std::move(step));
  }
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
  return machine;
}

}  // namespace kiln
