#include "runtime/idle_watch.hpp"

#include <pthread.h>

#include <algorithm>
#include <thread>

namespace kiln {

IdleWatch& IdleWatch::of_process() {
  // Never destroyed: sessions may end after it otherwise, and its thread needs nothing at the end of the process.
  static IdleWatch* const watch = [] {
    watch_forks();
    return new IdleWatch();
  }();
  return *watch;
}

/// A child has no thread of the watch, and must not find its mutex taken by one.
void IdleWatch::watch_forks() {
  ::pthread_atfork([] { of_process().mutex_.lock(); }, [] { of_process().mutex_.unlock(); },
                   [] {
                     of_process().running_ = false;
                     of_process().mutex_.unlock();
                   });
}

void IdleWatch::watch(Client& client, Clock::time_point when) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const Entry& entry) { return entry.client == &client; };
  if (std::none_of(entries_.begin(), entries_.end(), is_it)) entries_.push_back({&client, when});
  if (running_) {
    changed_.notify_one();
  } else {
    std::thread([this] { run(); }).detach();
    running_ = true;
  }
}

void IdleWatch::forget(Client& client) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.client == &client; });
}

void IdleWatch::run() {
  std::unique_lock lock(mutex_);
  while (!entries_.empty()) {
    const auto earlier = [](const Entry& a, const Entry& b) { return a.when < b.when; };
    const Clock::time_point next = std::min_element(entries_.begin(), entries_.end(), earlier)->when;
    if (Clock::now() < next) {
      changed_.wait_until(lock, next);
      continue;
    }
    std::erase_if(entries_, [now = Clock::now()](Entry& entry) {
      if (entry.when > now) return false;
      const auto when = entry.client->release_idle(now);
      entry.when = when.value_or(now);
      return !when;
    });
  }
  running_ = false;
}

}  // namespace kiln
