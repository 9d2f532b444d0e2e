#include "cli/progress.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "cli/terminal.hpp"

namespace kiln::cli {

ProgressBar::ProgressBar(std::string title) : title_(std::move(title)), enabled_(is_terminal(stderr)) {}

ProgressBar::~ProgressBar() { hide(); }

void ProgressBar::hide() {
  if (!drawn_) return;
  drawn_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

void ProgressBar::update(double fraction, double seconds_left) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const std::string before = title_ + " [", left = seconds_left < 0 ? "" : fmt::format(", {:.0f} s left", seconds_left);
  const std::string after = fmt::format("] {:3.0f}% {:.0f} s{}", fraction * 100, seconds, left);
  const int room = terminal_width(stderr) - static_cast<int>(before.size() + after.size()) - 1;
  const size_t width = static_cast<size_t>(std::clamp(room, 4, 50));
  const size_t full = std::min(width, static_cast<size_t>(fraction * static_cast<double>(width)));
  fmt::print(stderr, "\r{}{}{}{}\x1b[K", before, std::string(full, '#'), std::string(width - full, '.'), after);
  std::fflush(stderr);
}

}  // namespace kiln::cli
