#include "base/thread_pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace kiln {
namespace {

using Ranges = std::set<std::pair<int64_t, int64_t>>;

Ranges ranges_of(ThreadPool& pool, int64_t count, int64_t grain) {
  Ranges ranges;
  std::mutex mutex;
  pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(ranges.emplace(begin, end).second);
  });
  return ranges;
}

TEST(ThreadPool, CoversEveryIndexOnceInMultiplesOfTheGrain) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 2, 7, 64, 1000, 1001}) {
      for (const int64_t grain : {0, 1, 3, 64, 5000}) {
        int64_t next = 0;
        for (const auto& [begin, end] : ranges_of(pool, count, grain)) {
          EXPECT_EQ(begin, next);
          EXPECT_EQ(begin % std::max<int64_t>(grain, 1), 0);
          EXPECT_GT(end, begin);
          next = end;
        }
        EXPECT_EQ(next, count);
      }
    }
  }
}

TEST(ThreadPool, SplitsAlikeEveryTimeAndWhenNested) {
  ThreadPool pool(3);
  const Ranges first = ranges_of(pool, 1000, 7);
  EXPECT_GT(first.size(), 3u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ranges_of(pool, 1000, 7), first);
  }
  pool.parallel_for(3, 1, [&](int64_t, int64_t) { EXPECT_EQ(ranges_of(pool, 1000, 7), first); });
}

TEST(ThreadPool, VeryLongLoopsDoNotOverflow) {
  ThreadPool pool(4);
  const int64_t count = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(ranges_of(pool, count, 1).rbegin()->second, count);
  EXPECT_EQ(ranges_of(pool, count, count / 2).rbegin()->second, count);
}

TEST(ThreadPool, SeveralThreadsWork) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  pool.parallel_for(2, 1, [&](int64_t, int64_t) {
    // Each waits for the other, so that neither can do both.
    for (;;) {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
      if (seen.size() == 2) {
        return;
      }
    }
  });
  EXPECT_TRUE(seen.contains(std::this_thread::get_id()));
}

TEST(ThreadPool, AnotherThreadTakesOverWhatASlowOneHasNotBegun) {
  ThreadPool pool(2);
  std::atomic<int> others{0};
  pool.parallel_for(8, 1, [&](int64_t begin, int64_t) {
    if (begin == 0) {  // its thread is stuck until the other has done all the rest
      while (others.load() < 7) {
        std::this_thread::yield();
      }
    } else {
      ++others;
    }
  });
  EXPECT_EQ(others, 7);
}

TEST(ThreadPool, NestedLoopsStayOnTheirThread) {
  ThreadPool outer(4), inner(4);
  std::atomic<int64_t> sum{0};
  outer.parallel_for(16, 1, [&](int64_t begin, int64_t end) {
    const auto id = std::this_thread::get_id();
    inner.parallel_for((end - begin) * 100, 1, [&](int64_t b, int64_t e) {
      EXPECT_EQ(std::this_thread::get_id(), id);
      sum += e - b;
    });
  });
  EXPECT_EQ(sum, 1600);
}

TEST(ThreadPool, TheFirstExceptionComesBackAndThePoolLivesOn) {
  ThreadPool pool(4);
  for (int i = 0; i < 200; ++i) {
    try {
      pool.parallel_for(100, 1, [&](int64_t begin, int64_t) {
        if (begin >= 40) {
          fail(ErrorCode::invalid_data, "at {}", begin);
        }
      });
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_data);
    }
  }
  EXPECT_EQ(ranges_of(pool, 10, 1).rbegin()->second, 10);
}

TEST(ThreadPool, ManyCallersAtOnceWhileItIsResized) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        std::vector<int> marks(257);
        pool.parallel_for(257, 1, [&](int64_t begin, int64_t end) {
          for (int64_t at = begin; at < end; ++at) {
            ++marks[static_cast<size_t>(at)];
          }
        });
        EXPECT_EQ(marks, std::vector<int>(257, 1));
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    pool.resize(1 + i % 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(pool.threads(), 4);
}

TEST(ThreadPool, ImpossibleSizesAreErrors) {
  EXPECT_THROW(ThreadPool(0), Error);
  EXPECT_THROW(ThreadPool(max_threads + 1), Error);
  ThreadPool pool(2);
  EXPECT_THROW(pool.resize(-1), Error);
  EXPECT_THROW(pool.parallel_for(2, 1, [&](int64_t, int64_t) { pool.resize(1); }), Error);
}

TEST(ThreadPool, AnIdlePoolUsesNoProcessor) {
  ThreadPool pool(3);
  ranges_of(pool, 100, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.02);
}

#if !defined(__SANITIZE_THREAD__)
TEST(ThreadPool, AForkedChildStartsItsOwnThreads) {
  ThreadPool pool(3);
  ranges_of(pool, 100, 1);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(10);
    std::atomic<int> arrived{0};
    std::atomic<int64_t> sum{0};
    pool.parallel_for(3, 1, [&](int64_t begin, int64_t) {
      ++arrived;
      while (arrived < 3) {
        std::this_thread::yield();
      }
      sum += begin;
    });
    pool.resize(2);
    ::_exit(sum == 3 && ranges_of(pool, 10, 1).rbegin()->second == 10 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(ranges_of(pool, 10, 1).rbegin()->second, 10);
}
#endif

TEST(DefaultPool, IsOneAndHasASize) {
  EXPECT_EQ(&default_pool(), &default_pool());
  EXPECT_GE(default_pool().threads(), 1);
  std::atomic<int64_t> sum{0};
  parallel_for(100, 10, [&](int64_t begin, int64_t end) { sum += end - begin; });
  EXPECT_EQ(sum, 100);
}

}  // namespace
}  // namespace kiln
