#pragma once

#include <chrono>
#include <utility>

namespace kiln {

/// The time since it was made, or since its last lap.
class Timer {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
  double milliseconds() const { return 1e3 * seconds(); }
  /// The milliseconds, and begins anew where they end.
  double lap() {
    const Clock::time_point now = Clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(begin_, now)).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace kiln
