#include "base/stop_point.hpp"

namespace kiln::stop_point_state {

constinit thread_local StopSignal* signal = nullptr;
constinit thread_local int64_t work_left = 0;

void ask() {
  // Fractions of a millisecond: elements that are sorted or gathered take some nanoseconds each.
  constexpr int64_t work_between = 1 << 16;
  work_left = work_between;
  if (signal != nullptr) signal->check_stop();
}

}  // namespace kiln::stop_point_state
