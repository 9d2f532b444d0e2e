#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/function_ref.hpp"
#include "base/thread_pool.hpp"
#include "base/wake_place.hpp"

namespace kiln {

/// Threads of a pool that stay together for a run of many short loops, so that beginning and ending a loop costs
/// fractions of a microsecond. Part i of a loop goes to the same thread each time where that thread is there in time,
/// which keeps data in its cache. Helpers that the pool cannot spare are done without.
class Team {
 public:
  static constexpr int most_parts = 64;

  int size() const { return size_; }  ///< threads, the caller included
  /// body(part) for each part in [0, parts), at most most_parts of them; returns when all are done. The first
  /// exception of a body is thrown again here.
  void run(int parts, FunctionRef<void(int)> body);
  /// As ThreadPool::parallel_for.
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

  /// Calls main(team) on this thread, with helpers beside it: `most` threads in all, or as many as the pool has beside
  /// other teams.
  static void gather(ThreadPool& pool, FunctionRef<void(Team&)> main, int most = most_parts);

 private:
  explicit Team(int size) : size_(size) {}
  void help(int index);
  void sleep(int index, uint32_t seen);
  void wake();
  void take(int part);
  bool claim(int part);

  const int size_;
  bool running_ = false;  ///< of the caller: a loop inside a loop runs on the thread that asked for it
  std::exception_ptr error_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> over_{false};
  std::atomic<uint64_t> asleep_{0};                ///< helpers, a bit each
  std::array<WakePlace, WakePlace::most> places_;  ///< of the first helpers
  // What says that there is a loop lies with what a helper needs to begin it, so that it comes over in one go.
  alignas(128) std::atomic<uint32_t> epoch_{0};  ///< changes with each loop, and when the team ends
  FunctionRef<void(int)>* body_ = nullptr;
  std::atomic<uint64_t> open_{0};          ///< parts of the loop that nobody has begun, a bit each
  alignas(128) std::atomic<int> left_{0};  ///< parts that are not done
};

}  // namespace kiln
