#pragma once

#include <atomic>
#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "runtime/buffer_pool.hpp"
#include "runtime/context.hpp"
#include "runtime/plan.hpp"
#include "runtime/program.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {

class Team;
class ThreadPool;

/// Runs programs: walks their steps, frees each value after its last reader.
class Executor : private StopSignal {
 public:
  Executor(BufferPool& buffers, ThreadPool& threads, const StepOptions& options, uint64_t& next_seed, int most_threads)
      : buffers_(buffers), threads_(threads), most_threads_(most_threads), options_(options), next_seed_(next_seed) {
    if (const int64_t limit = max_run_ms.get(); limit > 0) {
      deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit);
    }
  }

  /// Values may hold so many bytes at the same time, if that is less than max_run_bytes.
  void limit_values(int64_t bytes) { most_values_ = bytes; }
  /// Runs an engine by its plan, on scratch.inputs. `arena` is as large as the plan's schedule asks for. Results
  /// go to scratch.targets and are not returned; what has no target is returned, in scratch.memory where it fits there.
  std::vector<Value> run(const EngineDef& engine, RunScratch& scratch, const Plan& plan, std::byte* arena);

 private:
  struct Frame;
  class Host;
  struct Memory;

  std::vector<Value> run_schedule(Frame& frame, const Schedule& schedule, RunScratch& scratch, std::byte* arena);
  void* output_address(const Schedule::Output& output, size_t index, const RunScratch& scratch, Value* written);
  void run_reference(Frame& frame, const Schedule::Step& step, const Memory& memory);
  void run_work(Frame& frame, const Schedule::Step& step, const Memory& memory);

  std::vector<Value> run_body(const Body& body, Frame& outer, std::span<const Value> inputs);
  void bind_body(const Body& body, Frame& outer, std::span<const Value> inputs, BodyScratch& kept);
  const Plan* plan_of_body(const EngineDef& engine, BodyScratch& kept);
  std::byte* arena_of_body(int64_t bytes, BodyScratch& kept, Tensor& pooled);
  /// What bodies keep is no longer left for values.
  void count_for_bodies(int64_t bytes) {
    if (most_values_ != INT64_MAX) most_values_ -= bytes;
  }
  std::vector<Value> run_frame(Frame& frame, std::span<const Value> inputs);
  void run_step(Frame& frame, const Step& step);
  bool is_cancelled() const {
    return is_interrupted_.load(std::memory_order_relaxed) ||
           (options_.cancel && options_.cancel->load(std::memory_order_relaxed));
  }
  void check_cancelled();
  void check_stop() override;
  Tensor allocate(DType dtype, Shape shape);

  BufferPool& buffers_;
  ThreadPool& threads_;
  int most_threads_;
  int64_t most_values_ = INT64_MAX;
  Team* team_ = nullptr;  ///< while a run is under way
  const StepOptions& options_;
  RunObserver* observer_ = nullptr;  ///< of the main graph's steps, while they run
  uint64_t& next_seed_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::atomic<bool> is_interrupted_{false};  ///< the caller said so, which helpers cannot ask
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace kiln
