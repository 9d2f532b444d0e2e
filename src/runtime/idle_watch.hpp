#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

namespace kiln {

/// Has memory given back that nobody has used for a while. One thread of the process sleeps until the next time that
/// there may be some, and there is none while nothing is watched.
class IdleWatch {
 public:
  using Clock = std::chrono::steady_clock;

  class Client {
   public:
    virtual ~Client() = default;
    /// Gives back what has been idle for long enough. When to ask again; nothing where no memory is left. Called by
    /// the thread of the watch.
    virtual std::optional<Clock::time_point> release_idle(Clock::time_point now) = 0;
  };

  static IdleWatch& of_process();
  /// Asks the client at this time, and again until it has nothing left. Clients that are watched already stay as they
  /// are.
  void watch(Client& client, Clock::time_point when);
  /// False in a forked child, which has to watch its clients anew.
  bool is_running() const { return running_.load(); }
  /// The client is not asked any more, and not being asked when this returns.
  void forget(Client& client);

 private:
  struct Entry {
    Client* client;
    Clock::time_point when;
  };
  IdleWatch() = default;
  void run();
  static void watch_forks();

  std::mutex mutex_;  ///< held while clients are asked
  std::condition_variable changed_;
  std::vector<Entry> entries_;
  std::atomic<bool> running_{false};
};

}  // namespace kiln
