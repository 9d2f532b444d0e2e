#pragma once

#include <chrono>

namespace kiln::vision {

/// Milliseconds between laps.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double, std::milli>(now - begin_).count();
    begin_ = now;
    return elapsed;
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace kiln::vision
