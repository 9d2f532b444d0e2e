#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/large_memory.hpp"
#include "runtime/buffer_pool.hpp"
#include "runtime/engine.hpp"
#include "runtime/plan_cache.hpp"

namespace kiln {

/// A step of the main graph, as a run makes it: a scheduled one, or else a node done by its reference code.
struct StepView {
  size_t index = 0, count = 0;
  const Schedule::Step* scheduled = nullptr;
  const Step* node = nullptr;
};

/// Told of every step of the main graph, in order.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void before(const StepView& step) = 0;
  virtual void after(const StepView& step) = 0;
};

struct StepOptions {
  const std::atomic<bool>* cancel = nullptr;  ///< looked at between nodes: true stops the run with Error(cancelled)
  std::function<bool()> interrupted = {};     ///< or asked there, on the calling thread
  RunObserver* observer = nullptr;
};

struct ContextOptions {
  uint64_t seed = 0;  ///< random operators without a seed of their own start from here; 0 takes a new one each time
  int threads = 0;    ///< at most, for a run; 0 takes those of the pool
  int64_t max_memory = 0;  ///< bytes for plans, arena, values and outputs; 0 takes what the knob max_memory says
  std::function<void(const std::string&)> on_note = {};  ///< told when inputs are outside of all profiles
};

/// What a context holds, subgraphs included, and has done for it.
struct ContextMemory {
  int64_t arena_bytes = 0;
  int64_t plan_bytes = 0;
  size_t plans = 0;
  int64_t kept_bytes = 0;  ///< of values that were freed, for those of the next run
  int64_t plans_made = 0;
  double plan_seconds = 0;  ///< that making them took
};

/// A named value given to a run.
struct Feed {
  std::string_view name;
  Value value;
};

struct BodyScratch;

/// What a run needs beside its tensors, kept from run to run so that nothing is allocated for it.
struct RunScratch {
  RunScratch();
  RunScratch(const RunScratch&) = delete;
  RunScratch& operator=(const RunScratch&) = delete;
  ~RunScratch();

  std::vector<Value> inputs;
  std::vector<bool> given;
  std::vector<Tensor*> targets;  ///< for each output of the model, where it must go; null where the caller gave none
  std::vector<Tensor> memory;    ///< or where it may be written, if it fits; undefined where it may not
  std::vector<void*> input_addresses, output_addresses;
  std::map<const EngineDef*, std::unique_ptr<BodyScratch>> bodies;  ///< for the bodies of the engine
};

/// One caller's state on an engine: memory to run in and the most recent plans. Not for two threads at once.
class Context {
 public:
  explicit Context(std::shared_ptr<const EngineDef> engine, ContextOptions options = {});
  ~Context();

  const EngineDef& engine() const { return *engine_; }
  /// Runs the model. `outputs` are indices into engine().outputs(), in the order wanted. `into` has memory for them,
  /// tensors that may be undefined: they are the results, where they have the results' types and shapes.
  std::vector<Value> run(std::span<const Feed> feeds, std::span<const size_t> outputs, const StepOptions& options = {},
                         std::span<const Tensor> into = {});
  /// The same, with results written into tensors of their types and shapes. Where the plan has no reference code and
  /// all outputs are asked for, only the first run of a shape allocates.
  void run_into(std::span<const std::pair<std::string, Value>> feeds,
                std::span<const std::pair<std::string, Tensor*>> targets, const StepOptions& options = {});
  /// Gives the memory kept between runs back to the system, and forgets all plans.
  void trim();
  /// The same without forgetting plans.
  void release_memory();
  ContextMemory memory() const;
  /// For the runs after it; 0 takes what the knob max_memory says.
  void set_max_memory(int64_t bytes) { max_memory_ = bytes; }
  /// The plan of the most recent run; null before the first.
  const Plan* latest_plan() const { return plans_.latest(); }

 private:
  class Bound;
  void bind(std::string_view name, const Value& value);
  void bind_defaults();
  std::vector<Value> run_bound(const StepOptions& options);
  const Plan& plan_for(const std::vector<Value>& inputs);
  void note_profiles(const Plan& plan) const;
  std::byte* arena_of(const Plan& plan);
  void release_arena();
  int64_t most_memory() const;
  int threads() const;

  std::shared_ptr<const EngineDef> engine_;
  BufferPool pool_;
  LargeMemory arena_;
  int64_t arena_used_ = 0;  ///< bytes of the arena, from its beginning, that plans have worked in
  RunScratch scratch_;
  PlanCache plans_;
  int64_t plans_made_ = 0;
  double plan_seconds_ = 0;
  uint64_t next_seed_ = 0;
  int most_threads_ = 0;
  int64_t max_memory_ = 0;
  std::function<void(const std::string&)> on_note_;
};

}  // namespace kiln
