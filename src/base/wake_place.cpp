#include "base/wake_place.hpp"

#include "base/cpu.hpp"

namespace kiln {

bool WakePlace::can_move() {
  State expected = State::asleep;
  return is_virtual_machine() && state_.compare_exchange_strong(expected, State::moving, std::memory_order_acquire);
}

void WakePlace::move(pthread_t thread) {
  const int here = ::sched_getcpu();
  State now = State::awake;
  if (here >= 0 && here < CPU_SETSIZE && ::pthread_getaffinity_np(thread, sizeof own_, &own_) == 0) {
    cpu_set_t others = own_;
    CPU_CLR(static_cast<size_t>(here), &others);
    const bool is_other = CPU_COUNT(&others) > 0 && !CPU_EQUAL(&others, &own_);
    if (is_other && ::pthread_setaffinity_np(thread, sizeof others, &others) == 0) now = State::moved;
  }
  state_.store(now, std::memory_order_release);
}

void WakePlace::is_awake() {
  State state = State::asleep;
  if (state_.compare_exchange_strong(state, State::awake, std::memory_order_acquire)) return;
  while (state == State::moving) {
    ::sched_yield();
    state = state_.load(std::memory_order_acquire);
  }
  if (state == State::moved) ::pthread_setaffinity_np(::pthread_self(), sizeof own_, &own_);
  state_.store(State::awake, std::memory_order_relaxed);
}

}  // namespace kiln
