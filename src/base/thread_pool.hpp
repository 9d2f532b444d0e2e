#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/function_ref.hpp"
#include "base/knobs.hpp"

namespace kiln {

inline constexpr int max_threads = 256;
inline Knob<int64_t> threads_knob{"threads", "KILN_THREADS", 0, "threads of the pool; 0 takes one per usable core",
                                  0,         max_threads};
inline Knob<int64_t> spin_microseconds_knob{"spin_microseconds",
                                            "KILN_SPIN_MICROSECONDS",
                                            20,
                                            "how long an idle thread looks for work before it sleeps",
                                            0,
                                            1000000};

/// Threads that share the iterations of a loop. The caller is one of them, so that a pool of n starts n - 1, at the
/// first loop that needs them. Nothing is pinned. Any number of threads may call at once; a loop inside a loop runs
/// on the thread that asked for it. After fork() the child's first loop starts threads of its own.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int threads() const;
  /// Loops that are running end undisturbed. Not to be called from inside a loop.
  void resize(int threads);

  /// Calls body(begin, end) for ranges that cover [0, count) once each, and returns when all are done.
  ///
  /// The ranges depend on count, grain and threads() only: multiples of grain, about four for each thread. Each
  /// thread begins with a run of neighbouring ranges and then takes over what others have not begun. The first
  /// exception of a body is thrown again here; ranges not begun by then are left out.
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

 private:
  struct Job;
  struct Crew;
  Crew& crew();

  std::atomic<Crew*> crew_;
  std::mutex resizing_;
  std::vector<std::unique_ptr<Crew>> retired_;
};

/// What the knob `threads` says; for 0, one for each usable core.
int wanted_threads();

/// The pool of the process, as large as the knob `threads` says at the first use.
ThreadPool& default_pool();

inline void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body) {
  default_pool().parallel_for(count, grain, body);
}

}  // namespace kiln
