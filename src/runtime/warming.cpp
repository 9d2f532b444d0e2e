#include "runtime/warming.hpp"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "base/cpu.hpp"
#include "base/mapped_file.hpp"
#include "base/thread_pool.hpp"

namespace kiln {
namespace {

/// Little enough to be done soon when the work beside is over.
constexpr size_t mapped_at_once = size_t{2} << 20, read_at_once = size_t{128} << 10;
constexpr size_t line_bytes = 64;

void read_lines(std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); i += line_bytes) {
    (void)*static_cast<const volatile std::byte*>(bytes.data() + i);
  }
}

}  // namespace

void Warming::beside(FunctionRef<void()> work) {
  const auto drop = [](Warming* warming) { warming->offer(nullptr); };
  const std::unique_ptr<Warming, decltype(drop)> drop_task(this, drop);
  ThreadPool& pool = default_pool();
  if (finished_.load(std::memory_order_relaxed) || pool.threads() == 1) return work();
  std::atomic<bool> over{false};
  pool.parallel_for(2, 1, [&](int64_t begin, int64_t) {
    if (begin > 0) return go_on(over);
    const auto end = [](std::atomic<bool>* flag) { flag->store(true, std::memory_order_release); };
    const std::unique_ptr<std::atomic<bool>, decltype(end)> guard(&over, end);
    work();
  });
}

void Warming::offer(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  task_ = std::move(task);
  if (!task_) expects_task_.store(false, std::memory_order_relaxed);
}

void Warming::go_on(const std::atomic<bool>& over) {
  if (over.load(std::memory_order_relaxed) || taken_.exchange(true, std::memory_order_acquire)) return;
  cache_sizes();  // from a dozen files at the first call
  while (!over.load(std::memory_order_acquire)) {
    if (take_task() || step()) continue;
    finished_.store(true, std::memory_order_relaxed);
    if (!expects_task_.load(std::memory_order_relaxed)) break;
    std::this_thread::yield();
  }
  taken_.store(false, std::memory_order_release);
}

bool Warming::take_task() {
  std::function<void()> task;
  {
    const std::lock_guard lock(mutex_);
    task = std::exchange(task_, nullptr);
  }
  if (!task) return false;
  expects_task_.store(false, std::memory_order_relaxed);
  try {
    task();
  } catch (const std::exception&) {
    // Whoever needs what it makes finds the fault again.
  }
  return true;
}

bool Warming::step() {
  if (mapped_ < weights_.size()) {
    const auto part = weights_.subspan(mapped_, std::min(mapped_at_once, weights_.size() - mapped_));
    bring_into_page_table(part);
    mapped_ += part.size();
    return true;
  }
  // The rest of the cache is for what the first steps read and write.
  const size_t most = std::min(weights_.size(), static_cast<size_t>(cache_sizes().l3) / 4 * 3);
  if (read_ >= most) return false;
  const auto part = weights_.subspan(read_, std::min(read_at_once, most - read_));
  read_lines(part);
  read_ += part.size();
  return true;
}

}  // namespace kiln
