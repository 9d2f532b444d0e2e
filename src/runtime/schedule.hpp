#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "runtime/machine.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {

/// The main graph of an engine made concrete for input shapes: every kernel prepared, every buffer an offset.
struct Schedule {
  /// Where the memory that an address counts from comes from.
  enum class Base : uint8_t {
    none,      ///< null
    constant,  ///< `offset` is the address itself
    arena,
    input,   ///< the model's input `index`
    output,  ///< the tensor made for the model's output `index`
    boxed,   ///< the Value `index` of the graph, which reference code made
  };
  struct Address {
    Base base = Base::none;
    int32_t index = 0;
    int64_t offset = 0;  ///< in bytes
  };
  /// A tensor in the schedule's memory, for reference code to read as a Value.
  struct Loan {
    ValueId value = no_value;
    Address address;
    DType dtype = DType::undefined;
    Shape shape;
  };
  struct Step {
    const MachineStep* machine = nullptr;  ///< null for copies that the schedule adds
    std::unique_ptr<Work> work;            ///< null: reference code does the nodes
    std::vector<Address> inputs, outputs;
    const float* packed = nullptr;
    int64_t scratch = 0;  ///< in the arena
    int parts = 1;
    /// What takes long is done in more parts than that, `parts` of them at a time: a run can be stopped between two
    /// turns.
    int turns = 1;
    int64_t part_bytes = 0;    ///< of scratch that a thread's parts take in turn; 0 where each part has its own
    int64_t copied_bytes = 0;  ///< by a copy that the schedule adds
    std::vector<Loan> boxed;   ///< inputs of a Work that reference code makes: what they must be

    std::vector<const kiln::Step*> reference;
    std::vector<Loan> loans;
    std::vector<ValueId> releases;  ///< Values that nobody reads after this step

    bool is_sequel() const { return !work && machine->group.is_sequel && !machine->by_reference; }
  };
  /// A piece of the arena, for people to look at.
  struct Block {
    ValueId value = no_value;  ///< the first of those that lie there; none for scratch memory and copies
    bool is_scratch = false;
    int64_t offset = 0, bytes = 0;
    int first = 0, last = 0;  ///< steps
  };
  /// What becomes of an output of the model: a tensor that steps write, or a Value.
  struct Output {
    bool is_written = false;
    DType dtype = DType::undefined;
    Shape shape;
  };

  std::deque<MachineStep> late;  ///< steps whose tactic was chosen for these shapes; others point at them
  std::vector<Step> steps;
  std::vector<Output> outputs;
  bool uses_values = false;                         ///< a step reads or makes Values, or an output of the model is one
  std::vector<std::pair<ValueId, Tensor>> presets;  ///< Values that are known before the run
  std::vector<Block> blocks;
  int64_t arena_bytes = 0;
  int64_t arena_lower_bound = 0;
  int64_t scratch_bytes = 0;  ///< most that a step takes of the arena beside its inputs and outputs
};

/// How many threads share what should take so many seconds on one.
int parts_for(double seconds, int threads);
/// In how many turns a run does what should take so many seconds, to look between them whether it should stop.
int64_t turns_for(double seconds, double share_of_turn = 1);

struct ScheduleOptions {
  int threads = 1;  ///< that share the steps
  BandsChoice bands = BandsChoice::automatic;
  bool spares_memory = false;  ///< bands save memory whatever the time
  /// Steps that would need more, with all that is there while they run, take the least scratch that they can do with,
  /// whatever their speed.
  int64_t most_arena = INT64_MAX;
  size_t ways = 0;  ///< of the machine
};

/// Fails with an internal error where the machine and the facts do not fit together.
Schedule make_schedule(const Program& program, const Machine& machine, const Facts& facts,
                       const ScheduleOptions& options);

}  // namespace kiln
