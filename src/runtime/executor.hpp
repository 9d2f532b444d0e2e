#pragma once

#include <span>
#include <vector>

#include "ops/context.hpp"
#include "runtime/buffer_pool.hpp"
#include "runtime/context.hpp"
#include "runtime/program.hpp"

namespace kiln {

class ThreadPool;

/// Runs programs: walks their steps, frees each value after its last reader.
class Executor {
 public:
  Executor(BufferPool& buffers, ThreadPool& threads, const StepOptions& options, uint64_t& next_seed)
      : buffers_(buffers), threads_(threads), options_(options), next_seed_(next_seed) {}

  /// Runs a main program. `facts` are the plan's, by value; with the knob verify_shapes each result is held against
  /// them.
  std::vector<Value> run(const Program& program, std::span<const Value> inputs, const Facts* facts);

 private:
  struct Frame;
  class Host;

  std::vector<Value> run_frame(Frame& frame, std::span<const Value> inputs);
  void run_step(Frame& frame, const Step& step);
  void check_cancelled() const;

  BufferPool& buffers_;
  ThreadPool& threads_;
  const StepOptions& options_;
  uint64_t& next_seed_;
};

}  // namespace kiln
