#include "base/team.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>

#include "base/error.hpp"

namespace kiln {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Only the thread that runs a team's main function, and only outside its loops, may begin a loop.
thread_local bool inside_part = false;

/// Teams under way in this process, each with a thread that called it.
std::atomic<int> teams{0};

}  // namespace

bool Team::claim(int part) {
  const uint64_t bit = uint64_t{1} << part;
  return (open_.load(std::memory_order_relaxed) & bit) != 0 &&
         (open_.fetch_and(~bit, std::memory_order_acq_rel) & bit) != 0;
}

void Team::take(int part) {
  const bool before = inside_part;
  inside_part = true;
  try {
    (*body_)(part);
  } catch (...) {
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
  inside_part = before;
  left_.fetch_sub(1, std::memory_order_acq_rel);
}

void Team::run(int parts, FunctionRef<void(int)> body) {
  if (parts < 1) return;
  if (parts > most_parts)
    fail(ErrorCode::internal, "a team's loop has {} parts, expected at most {}", parts, most_parts);
  if (parts == 1 || size_ == 1 || inside_part) {
    for (int part = 0; part < parts; ++part) body(part);
    return;
  }
  body_ = &body;
  left_.store(parts, std::memory_order_relaxed);
  // The first part is the caller's own: it need not claim it from helpers who are about to read the same line.
  open_.store((parts == most_parts ? ~uint64_t{0} : (uint64_t{1} << parts) - 1) & ~uint64_t{1},
              std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  wake();
  take(0);
  for (int part = 1; part < parts; ++part) {
    if (claim(part)) take(part);
  }
  while (left_.load(std::memory_order_acquire) > 0) relax();
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

void Team::parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t grains = (count - 1) / grain + 1;
  const int64_t parts = inside_part || size_ == 1 ? 1 : std::min<int64_t>({grains, 4 * size_, most_parts});
  run(static_cast<int>(parts), [&](int part) {
    const int64_t begin = grains * part / parts * grain, end = grains * (part + 1) / parts;
    body(begin, end == grains ? count : end * grain);
  });
}

void Team::help(int index) {
  // The next loop of a run is near: waking up for it would take longer than most loops.
  constexpr int64_t times_longer = 10;
  const std::chrono::microseconds spin(times_longer * spin_microseconds_knob.get());
  uint32_t seen = 0;
  while (!over_.load(std::memory_order_acquire)) {
    const uint32_t now = epoch_.load(std::memory_order_acquire);
    if (now != seen) {
      seen = now;
      // One's own part first, then what others have not begun.
      if (claim(index)) take(index);
      while (const uint64_t open = open_.load(std::memory_order_acquire)) {
        const int part = 63 - __builtin_clzll(open);
        if (claim(part)) take(part);
      }
      continue;
    }
    const auto end = std::chrono::steady_clock::now() + spin;
    bool news = false;
    do {
      for (int i = 0; i < 64 && !news; ++i) {
        relax();
        news = epoch_.load(std::memory_order_relaxed) != seen;
      }
    } while (!news && std::chrono::steady_clock::now() < end);
    if (!news) sleep(index, seen);
  }
}

void Team::sleep(int index, uint32_t seen) {
  WakePlace* const place = index < WakePlace::most ? &places_[static_cast<size_t>(index)] : nullptr;
  if (place != nullptr) place->sleeps();
  asleep_.fetch_or(uint64_t{1} << index, std::memory_order_seq_cst);
  epoch_.wait(seen, std::memory_order_seq_cst);
  asleep_.fetch_and(~(uint64_t{1} << index), std::memory_order_relaxed);
  if (place != nullptr) place->is_awake();
}

void Team::wake() {
  uint64_t asleep = asleep_.load(std::memory_order_seq_cst);
  if (asleep == 0) return;
  for (; size_ <= WakePlace::most && asleep != 0; asleep &= asleep - 1) {
    places_[static_cast<size_t>(__builtin_ctzll(asleep))].keep_off_this_cpu();
  }
  epoch_.notify_all();
}

void Team::gather(ThreadPool& pool, FunctionRef<void(Team&)> main, int most) {
  // Where several run side by side they do without helpers rather than share the cores with them.
  const int others = teams.fetch_add(1, std::memory_order_relaxed);
  const auto leave = [](std::atomic<int>* count) { count->fetch_sub(1, std::memory_order_relaxed); };
  const std::unique_ptr<std::atomic<int>, decltype(leave)> counted(&teams, leave);
  const int size = std::max(1, std::min({pool.threads() - others, most, most_parts}));
  Team team(size);
  if (size == 1) return main(team);
  bool begun = false;
  pool.parallel_for(size, 1, [&](int64_t begin, int64_t end) {
    // Where the pool gives no helpers, one call has all indices.
    if (begin != 0) return team.help(static_cast<int>(begin));
    (void)end;
    begun = true;
    const auto finish = [&](void*) {
      team.over_.store(true, std::memory_order_release);
      team.epoch_.fetch_add(1, std::memory_order_seq_cst);
      team.epoch_.notify_all();
    };
    const std::unique_ptr<void, decltype(finish)> guard(&team, finish);
    main(team);
  });
  if (!begun) fail(ErrorCode::internal, "a team's main function did not run");
}

}  // namespace kiln
