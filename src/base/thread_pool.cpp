#include "base/thread_pool.hpp"

#include <pthread.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/wake_place.hpp"

namespace kiln {
namespace {

/// How often this process was forked off; threads of an earlier generation do not exist any more.
std::atomic<uint64_t> fork_generation{0};

void watch_forks() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
}

thread_local bool inside_loop = false;

class InsideLoop {
 public:
  InsideLoop() : before_(std::exchange(inside_loop, true)) {}
  InsideLoop(const InsideLoop&) = delete;
  InsideLoop& operator=(const InsideLoop&) = delete;
  ~InsideLoop() { inside_loop = before_; }

 private:
  bool before_;
};

/// Looks at `done` again and again for a while; false if it did not come true.
template <class Done>
bool spin_until(Done&& done, std::chrono::microseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) {
        return true;
      }
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

constexpr int64_t ranges_per_thread = 4;

int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

/// The length of the ranges: a multiple of grain, or all of count.
int64_t range_length(int64_t count, int64_t grain, int threads) {
  if (threads == 1) {
    return count;
  }
  const int64_t grains = divide_up(count, grain);
  const int64_t together = divide_up(grains, threads * ranges_per_thread);
  return together >= grains ? count : together * grain;
}

}  // namespace

/// One call of parallel_for(), on the caller's stack.
struct ThreadPool::Job {
  /// Plain numbers read through next_of(), since 256 std::atomic would all be zeroed for every job.
  struct alignas(64) Share {
    int64_t next;
    int64_t end;
  };
  static std::atomic_ref<int64_t> next_of(Share& share) { return std::atomic_ref(share.next); }

  FunctionRef<void(int64_t, int64_t)> body;
  int64_t count;
  int64_t length;  // of a range
  int shares_used;
  int joined = 1;  // threads that have or had a share, the caller first; guarded by the crew's mutex
  std::atomic<int> helpers{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  Job* next_job = nullptr;
  Share shares[max_threads];

  Job(FunctionRef<void(int64_t, int64_t)> body_, int64_t count_, int64_t length_, int threads)
      : body(body_), count(count_), length(length_) {
    const int64_t ranges = divide_up(count, length);
    shares_used = static_cast<int>(std::min<int64_t>(threads, ranges));
    const int64_t each = ranges / shares_used, longer = ranges % shares_used;
    int64_t begin = 0;
    for (int i = 0; i < shares_used; ++i) {
      const int64_t end = begin + each + (i < longer ? 1 : 0);
      shares[i].next = begin;
      shares[i].end = end;
      begin = end;
    }
  }

  void run_range(int64_t range) noexcept {
    if (failed.load(std::memory_order_relaxed)) {
      return;
    }
    try {
      const int64_t begin = range * length;
      body(begin, std::min(count - begin, length) + begin);
    } catch (...) {
      if (!failed.exchange(true)) {
        error = std::current_exception();
      }
    }
  }

  /// Works off share `own`, then what is left of the others.
  void run(int own) noexcept {
    const InsideLoop inside;
    for (int i = 0; i < shares_used; ++i) {
      Share& share = shares[(own + i) % shares_used];
      while (next_of(share).load(std::memory_order_relaxed) < share.end) {
        const int64_t range = next_of(share).fetch_add(1, std::memory_order_relaxed);
        if (range < share.end) {
          run_range(range);
        }
      }
    }
  }
};

/// The threads of one size of the pool.
struct ThreadPool::Crew {
  const int size;
  const uint64_t generation = fork_generation.load(std::memory_order_relaxed);
  std::atomic<uint64_t> epoch{0};  // changes whenever there may be something new to do
  std::atomic<int> sleeping_callers{0};
  std::mutex mutex;
  std::condition_variable work, finished;
  // Guarded by the mutex:
  Job* jobs = nullptr;
  int sleepers = 0;
  bool started = false;
  bool stopping = false;
  std::vector<std::thread> threads;
  std::unique_ptr<WakePlace[]> places;  // of the threads

  explicit Crew(int size_) : size(size_) {}
  ~Crew() { stop(); }

  bool is_of_this_process() const { return generation == fork_generation.load(std::memory_order_relaxed); }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      epoch.fetch_add(1);
      work.notify_all();
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    threads.clear();
  }

  void start_locked() {
    if (started || stopping) {
      return;
    }
    started = true;
    threads.reserve(static_cast<size_t>(size - 1));
    places = std::make_unique<WakePlace[]>(static_cast<size_t>(size - 1));
    try {
      for (int i = 1; i < size; ++i) {
        WakePlace& place = places[static_cast<size_t>(i - 1)];
        place.begins();
        threads.emplace_back([this, &place] { work_until_stopped(place); });
        if (size <= WakePlace::most) place.keep_off_this_cpu(threads.back().native_handle());
      }
    } catch (const std::system_error&) {
      // Where the system gives no more threads, those that there are do the work.
    }
  }

  void publish(Job& job) {
    const std::lock_guard lock(mutex);
    start_locked();
    job.next_job = jobs;
    jobs = &job;
    epoch.fetch_add(1, std::memory_order_release);
    if (sleepers > 0) {
      for (size_t i = 0; i < threads.size() && size <= WakePlace::most; ++i) {
        places[i].keep_off_this_cpu();
      }
      job.shares_used == 2 ? work.notify_one() : work.notify_all();
    }
  }

  /// From here on nobody joins the job; waits for those who have.
  void withdraw(Job& job) {
    {
      const std::lock_guard lock(mutex);
      Job** link = &jobs;
      while (*link != &job) {
        link = &(*link)->next_job;
      }
      *link = job.next_job;
    }
    const auto alone = [&] { return job.helpers.load() == 0; };
    if (spin_until(alone, std::chrono::microseconds(spin_microseconds_knob.get()))) {
      return;
    }
    sleeping_callers.fetch_add(1);
    {
      std::unique_lock lock(mutex);
      finished.wait(lock, alone);
    }
    sleeping_callers.fetch_sub(1);
  }

  bool help_somebody() {
    Job* job = nullptr;
    int share = 0;
    {
      const std::lock_guard lock(mutex);
      for (job = jobs; job != nullptr && job->joined >= job->shares_used; job = job->next_job) {
      }
      if (job == nullptr) {
        return false;
      }
      share = job->joined++;
      job->helpers.fetch_add(1);
    }
    job->run(share);
    // The job may be gone as soon as its last helper has left.
    if (job->helpers.fetch_sub(1) == 1 && sleeping_callers.load() > 0) {
      const std::lock_guard lock(mutex);
      finished.notify_all();
    }
    return true;
  }

  void work_until_stopped(WakePlace& place) {
    place.is_awake();
    const std::chrono::microseconds spin(spin_microseconds_knob.get());
    for (;;) {
      const uint64_t seen = epoch.load(std::memory_order_acquire);
      if (help_somebody()) {
        continue;
      }
      const auto news = [&] { return epoch.load(std::memory_order_acquire) != seen; };
      spin_until(news, spin);
      std::unique_lock lock(mutex);
      ++sleepers;
      place.sleeps();
      work.wait(lock, [&] { return stopping || news(); });
      place.is_awake();
      --sleepers;
      if (stopping) {
        return;
      }
    }
  }
};

namespace {

int require_size(int threads) {
  if (threads < 1 || threads > max_threads) {
    fail(ErrorCode::invalid_argument, "a thread pool of {} threads was asked for; expected 1 to {}", threads,
         max_threads);
  }
  return threads;
}

}  // namespace

ThreadPool::ThreadPool(int threads) : crew_(nullptr) {
  watch_forks();
  crew_.store(new Crew(require_size(threads)));
}

ThreadPool::~ThreadPool() {
  // In a forked child the old crew's threads and locks are no longer whole; its memory is left alone.
  Crew* last = crew_.load();
  if (last->is_of_this_process()) {
    delete last;
  }
  for (std::unique_ptr<Crew>& crew : retired_) {
    if (!crew->is_of_this_process()) {
      (void)crew.release();
    }
  }
}

ThreadPool::Crew& ThreadPool::crew() {
  Crew* current = crew_.load(std::memory_order_acquire);
  if (!current->is_of_this_process()) {
    auto fresh = std::make_unique<Crew>(current->size);
    if (crew_.compare_exchange_strong(current, fresh.get())) {
      current = fresh.release();
    }
  }
  return *current;
}

int ThreadPool::threads() const { return crew_.load(std::memory_order_acquire)->size; }

void ThreadPool::resize(int threads) {
  require_size(threads);
  if (inside_loop) {
    fail(ErrorCode::invalid_argument, "a thread pool cannot be resized from inside one of its loops");
  }
  const std::lock_guard lock(resizing_);
  if (Crew& old = crew(); old.size != threads) {
    // Callers may still hold the old crew: it loses its threads now and its memory with the pool.
    retired_.push_back(std::make_unique<Crew>(threads));
    Crew* fresh = retired_.back().release();
    crew_.store(fresh, std::memory_order_release);
    retired_.back().reset(&old);
    old.stop();
  }
}

void ThreadPool::parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) {
    return;
  }
  Crew& crew = this->crew();
  const int64_t length = range_length(count, std::max<int64_t>(grain, 1), crew.size);
  if (inside_loop || length >= count) {
    for (int64_t begin = 0; begin < count; begin += std::min(length, count - begin)) {
      body(begin, begin + std::min(length, count - begin));
    }
    return;
  }
  Job job(body, count, length, crew.size);
  crew.publish(job);
  job.run(0);
  crew.withdraw(job);
  if (job.error) {
    std::rethrow_exception(job.error);
  }
}

int wanted_threads() {
  const int64_t wanted = threads_knob.get();
  return wanted > 0 ? static_cast<int>(wanted) : std::min(read_usable_cores().count, max_threads);
}

ThreadPool& default_pool() {
  // Never destroyed: its sleeping threads need nothing at the end of the process, and others may still use it then.
  static ThreadPool* const pool = new ThreadPool(wanted_threads());
  return *pool;
}

}  // namespace kiln
