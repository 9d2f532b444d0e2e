#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>

#include "base/function_ref.hpp"

namespace kiln {

/// What a thread that has nothing else to do does for an engine file's first run while another loads the engine and
/// makes its first plan: the packed weights come into the page table at once instead of fault by fault, and the first
/// of them into the cache.
class Warming {
 public:
  /// The weights must stay mapped as long as this is used.
  explicit Warming(std::span<const std::byte> weights) : weights_(weights) {}

  /// Calls work() here; while it runs, another thread of the pool, if there is one that is free, goes on warming.
  void beside(FunctionRef<void()> work);
  /// For the thread beside work(), before it goes on. Done by it or by nobody: when work() is over it is dropped.
  void offer(std::function<void()> task);

 private:
  void go_on(const std::atomic<bool>& over);
  bool step();
  bool take_task();

  const std::span<const std::byte> weights_;
  std::atomic<bool> finished_{false}, taken_{false};
  std::atomic<bool> expects_task_{true};  ///< the first work() is to offer one
  size_t mapped_ = 0, read_ = 0;          ///< bytes; of the one thread that has it taken
  std::mutex mutex_;
  std::function<void()> task_;
};

}  // namespace kiln
