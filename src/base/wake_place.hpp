#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>

namespace kiln {

/// Keeps a thread that sleeps from waking up on the CPU of the one that wakes it.
///
/// In a virtual machine the system takes a CPU that sleeps for one that its host has no time for, so that the thread is
/// put behind its waker, who is busy, and moved some milliseconds later. For the moment of waking it may not run there;
/// nothing stays pinned.
class WakePlace {
 public:
  /// For more threads together it would take longer than it saves.
  static constexpr int most = 16;

  /// By the thread, before it sleeps and when it is awake.
  void sleeps() { sleeps(::pthread_self()); }
  void is_awake();
  /// For a thread that is about to be made: it begins with is_awake().
  void begins() { state_.store(State::asleep, std::memory_order_relaxed); }
  /// By the waker, and by who made the thread.
  void keep_off_this_cpu() {
    if (can_move()) move(thread_);
  }
  void keep_off_this_cpu(pthread_t made) {
    if (can_move()) move(made);
  }

 private:
  enum class State { awake, asleep, moving, moved };
  bool can_move();
  void move(pthread_t thread);
  void sleeps(pthread_t thread) {
    thread_ = thread;
    state_.store(State::asleep, std::memory_order_release);
  }

  std::atomic<State> state_{State::awake};
  pthread_t thread_{};
  cpu_set_t own_;  ///< where it may run, of a thread that was moved
};

}  // namespace kiln
