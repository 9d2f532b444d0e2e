#pragma once

#include <chrono>
#include <string>

namespace kiln::cli {

/// A bar on standard error for what takes over a second. Silent when that is no terminal; gone when it is done.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  /// Cheap to call often: draws at most ten times a second. `seconds_left` is shown unless it is negative.
  void update(double fraction, double seconds_left = -1);
  /// Makes room for a line of text; the next update draws it again.
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  bool enabled_;
  bool drawn_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point next_ = started_ + std::chrono::seconds(1);
};

}  // namespace kiln::cli
