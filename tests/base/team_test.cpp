#include "base/team.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace kiln {
namespace {

TEST(Team, EveryPartRunsOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    Team::gather(pool, [&](Team& team) {
      EXPECT_EQ(team.size(), threads);
      for (int round = 0; round < 400; ++round) {
        const int parts = round % Team::most_parts + 1;
        std::array<std::atomic<int>, Team::most_parts> runs{};
        team.run(parts, [&](int part) { runs[static_cast<size_t>(part)].fetch_add(1); });
        for (int i = 0; i < Team::most_parts; ++i) ASSERT_EQ(runs[static_cast<size_t>(i)].load(), i < parts ? 1 : 0);
      }
    });
  }
}

/// Where a thread may run.
cpu_set_t allowed() {
  cpu_set_t set;
  EXPECT_EQ(::pthread_getaffinity_np(::pthread_self(), sizeof set, &set), 0);
  return set;
}

TEST(Team, HelpersThatSleptMayRunEverywhereAgain) {
  ThreadPool pool(3);
  const cpu_set_t all = allowed();
  const auto check = [&](int) {
    const cpu_set_t here = allowed();
    EXPECT_TRUE(CPU_EQUAL(&here, &all));
    std::this_thread::sleep_for(std::chrono::microseconds(50));  // so that every thread takes a part
  };
  for (int run = 0; run < 20; ++run) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    Team::gather(pool, [&](Team& team) {
      for (int round = 0; round < 5; ++round) {
        team.run(6, check);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // longer than helpers look for work
      }
    });
  }
}

TEST(Team, TeamsSideBySideDoNotTakeMoreThreadsThanOne) {
  ThreadPool pool(3);
  Team::gather(pool, [&](Team& first) {
    EXPECT_EQ(first.size(), 3);
    std::thread([&] {
      Team::gather(pool, [&](Team& second) {
        EXPECT_EQ(second.size(), 2);
        std::atomic<int> runs{0};
        second.run(8, [&](int) { ++runs; });
        EXPECT_EQ(runs.load(), 8);
      });
    }).join();
  });
  Team::gather(pool, [&](Team& alone) { EXPECT_EQ(alone.size(), 3); });
}

TEST(Team, LoopsSeeWhatTheLoopBeforeWrote) {
  ThreadPool pool(4);
  Team::gather(pool, [&](Team& team) {
    std::array<int, 16> numbers{};
    for (int round = 1; round <= 400; ++round) {
      std::array<int, 16> before = numbers;
      team.run(16, [&](int part) {
        const auto i = static_cast<size_t>(part);
        numbers[i] = before[(i + 1) % 16] + 1;
      });
      for (int number : numbers) ASSERT_EQ(number, round);
    }
  });
}

TEST(Team, HelpersThatSleptComeBack) {
  ThreadPool pool(3);
  Team::gather(pool, [&](Team& team) {
    for (int round = 0; round < 20; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      std::atomic<int> runs{0};
      team.run(3, [&](int) { ++runs; });
      EXPECT_EQ(runs.load(), 3);
    }
  });
}

TEST(Team, ParallelForCoversEveryIndexOnce) {
  ThreadPool pool(3);
  Team::gather(pool, [&](Team& team) {
    for (const int64_t count : {0, 1, 7, 64, 1000}) {
      for (const int64_t grain : {0, 1, 3, 5000}) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
        team.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) seen[static_cast<size_t>(i)].fetch_add(1);
        });
        for (const auto& times : seen) EXPECT_EQ(times.load(), 1);
      }
    }
  });
}

TEST(Team, TheFirstExceptionComesOutAndTheTeamGoesOn) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    Team::gather(pool, [&](Team& team) {
      for (int round = 0; round < 50; ++round) {
        EXPECT_THROW(team.run(8,
                              [&](int part) {
                                if (part % 3 == 1) throw std::runtime_error("no");
                              }),
                     std::runtime_error);
        std::atomic<int> runs{0};
        team.run(8, [&](int) { ++runs; });
        EXPECT_EQ(runs.load(), 8);
      }
    });
    EXPECT_THROW(Team::gather(pool, [](Team&) { throw std::runtime_error("main"); }), std::runtime_error);
    std::atomic<int> runs{0};
    Team::gather(pool, [&](Team& team) { team.run(4, [&](int) { ++runs; }); });
    EXPECT_EQ(runs.load(), 4);
  }
}

TEST(Team, ALoopInsideALoopRunsWhereItIsAskedFor) {
  ThreadPool pool(4);
  Team::gather(pool, [&](Team& team) {
    for (int round = 0; round < 100; ++round) {
      std::atomic<int> runs{0};
      team.run(4, [&](int) {
        const auto thread = std::this_thread::get_id();
        team.run(5, [&](int) {
          EXPECT_EQ(std::this_thread::get_id(), thread);
          ++runs;
        });
      });
      EXPECT_EQ(runs.load(), 20);
    }
  });
}

TEST(Team, ManyTeamsOfOnePoolAtOnce) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> runs{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        Team::gather(pool, [&](Team& team) {
          for (int i = 0; i < 20; ++i) team.run(3, [&](int) { runs.fetch_add(1); });
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(runs.load(), 4 * 20 * 20 * 3);
}

}  // namespace
}  // namespace kiln
