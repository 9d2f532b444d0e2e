#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "ops/context.hpp"
#include "runtime/buffer_pool.hpp"
#include "runtime/context.hpp"
#include "runtime/program.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {

class ThreadPool;

/// Runs programs: walks their steps, frees each value after its last reader.
class Executor {
 public:
  Executor(BufferPool& buffers, ThreadPool& threads, const StepOptions& options, uint64_t& next_seed)
      : buffers_(buffers), threads_(threads), options_(options), next_seed_(next_seed) {
    if (const int64_t limit = max_run_ms.get(); limit > 0) {
      deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit);
    }
  }

  /// Runs a main program. `facts` are the plan's, by value; with the knob verify_shapes each result is held against
  /// them.
  std::vector<Value> run(const Program& program, std::span<const Value> inputs, const Facts* facts);

 private:
  struct Frame;
  class Host;

  std::vector<Value> run_frame(Frame& frame, std::span<const Value> inputs);
  void run_step(Frame& frame, const Step& step);
  void check_cancelled() const;
  Tensor allocate(DType dtype, Shape shape);

  BufferPool& buffers_;
  ThreadPool& threads_;
  const StepOptions& options_;
  uint64_t& next_seed_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace kiln
