#include "runtime/warming.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/thread_pool.hpp"

namespace kiln {
namespace {

using std::chrono::milliseconds;

/// With two threads, whatever the machine has.
class WarmingTest : public testing::Test {
 protected:
  WarmingTest() { default_pool().resize(2); }
  ~WarmingTest() override { default_pool().resize(before_); }

 private:
  const int before_ = default_pool().threads();
};

TEST_F(WarmingTest, WorkIsDoneHereAndATaskAtMostOnce) {
  const std::vector<std::byte> weights(size_t{5} << 20);
  Warming warming(std::span<const std::byte>(weights).subspan(3));  // begins anywhere in a page
  std::atomic<int> works{0}, tasks{0};
  for (int i = 0; i < 4; ++i) {
    const auto caller = std::this_thread::get_id();
    warming.beside([&] {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      ++works;
      if (i == 0) warming.offer([&] { ++tasks; });
      std::this_thread::sleep_for(milliseconds(5));
    });
  }
  EXPECT_EQ(works.load(), 4);
  EXPECT_LE(tasks.load(), 1);
}

TEST_F(WarmingTest, FailuresOfTheWorkAreTheCallersAndThoseOfATaskNobodys) {
  const std::vector<std::byte> weights(4096);
  Warming warming(weights);
  warming.beside([&] {
    warming.offer([] { throw std::runtime_error("task"); });
    std::this_thread::sleep_for(milliseconds(2));
  });
  Warming other(weights);
  const auto owned = std::make_shared<int>(1);
  EXPECT_THROW(other.beside([&] {
    other.offer([owned] {});
    throw std::runtime_error("work");
  }),
               std::runtime_error);
  EXPECT_EQ(owned.use_count(), 1);  // the task is dropped, done or not
}

TEST_F(WarmingTest, OneThreadDoesTheWorkAlone) {
  default_pool().resize(1);
  const std::vector<std::byte> weights(4096);
  Warming warming(weights);
  bool is_done = false, is_task_done = false;
  warming.beside([&] {
    warming.offer([&] { is_task_done = true; });
    is_done = true;
  });
  EXPECT_TRUE(is_done);
  EXPECT_FALSE(is_task_done);
}

}  // namespace
}  // namespace kiln
