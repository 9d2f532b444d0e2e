#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kiln {

/// Who knows whether what a thread does should end.
class StopSignal {
 public:
  virtual ~StopSignal() = default;
  virtual void check_stop() = 0;  ///< throws where it should
};

namespace stop_point_state {
extern constinit thread_local StopSignal* signal;
extern constinit thread_local int64_t work_left;
void ask();
}  // namespace stop_point_state

/// Stands in the long loops of plain code, where the thread may be told to end by an exception. `work` is about how
/// many elements came since the last one; only after many of them is anybody asked.
inline void stop_point(int64_t work = 1) {
  if ((stop_point_state::work_left -= work) < 0) stop_point_state::ask();
}

/// Calls body(begin, end) for pieces of [0, count), with stop points between them: for loops that should stay tight.
template <class Body>
void in_pieces(int64_t count, Body&& body) {
  constexpr int64_t piece = 1 << 15;
  for (int64_t begin = 0; begin < count; begin += piece) {
    const int64_t end = std::min(count, begin + piece);
    stop_point(end - begin);
    body(begin, end);
  }
}

/// Makes a signal the one that this thread asks; null for none.
class StopScope {
 public:
  explicit StopScope(StopSignal* signal) : before_(std::exchange(stop_point_state::signal, signal)) {}
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;
  ~StopScope() { stop_point_state::signal = before_; }

 private:
  StopSignal* before_;
};

}  // namespace kiln
