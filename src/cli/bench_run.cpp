#include "cli/bench_run.hpp"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <exception>
#include <fstream>
#include <numeric>
#include <thread>

#include "base/function_ref.hpp"
#include "base/timer.hpp"
#include "cli/shape_options.hpp"

namespace kiln::cli {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<Session::Feeds> all_feeds(const Session& session, const BenchCase& wanted, BenchResult& result) {
  std::vector<Session::Feeds> sets;
  for (const FeedOptions& options : wanted.feeds) {
    Session::Feeds& feeds = sets.emplace_back();
    for (FedInput& input : make_feeds(session.inputs(), options)) {
      if (sets.size() == 1) {
        result.inputs.push_back(fmt::format("{}: {} ({})", input.name, input.value.describe(), input.source));
        if (input.value.is_tensor()) {
          result.shapes += fmt::format("{}{}={}", result.shapes.empty() ? "" : " ", input.name,
                                       shape_text(input.value.tensor().shape()));
        }
      }
      feeds.emplace_back(std::move(input.name), std::move(input.value));
    }
  }
  return sets;
}

/// One caller: warms up, waits for the others, and runs.
class Stream {
 public:
  Stream(Session& session, const std::vector<Session::Feeds>& feeds, const BenchLimits& limits)
      : session_(session), feeds_(feeds), limits_(limits) {}

  /// `begin` waits until every stream has warmed up, or failed.
  void run(FunctionRef<void()> begin) {
    try {
      warm_up();
    } catch (...) {
      error_ = std::current_exception();
    }
    begin();
    if (error_) return;
    try {
      measure();
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  const std::vector<double>& latencies() const { return latencies_; }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run_once() { session_.run(feeds_[next_++ % feeds_.size()]); }

  void warm_up() {
    const Timer timer;
    const double enough = limits_.warmup > 0 || limits_.runs > 0 ? 0 : 100 * limits_.seconds;
    for (int64_t i = 0; i < std::max<int64_t>(limits_.warmup, 1) || timer.milliseconds() < enough; ++i) run_once();
  }

  void measure() {
    Timer timer;
    double spent_ms = 0;
    const auto more = [&] {
      if (limits_.runs > 0) return static_cast<int64_t>(latencies_.size()) < limits_.runs;
      return latencies_.empty() || spent_ms < 1e3 * limits_.seconds;
    };
    while (more()) {
      run_once();
      latencies_.push_back(timer.lap());
      spent_ms += latencies_.back();
    }
  }

  Session& session_;
  const std::vector<Session::Feeds>& feeds_;
  const BenchLimits& limits_;
  size_t next_ = 0;
  std::vector<double> latencies_;
  std::exception_ptr error_;
};

void run_streams(Session& session, const std::vector<Session::Feeds>& feeds, const BenchLimits& limits,
                 BenchResult& result) {
  std::vector<Stream> streams(static_cast<size_t>(result.streams), Stream(session, feeds, limits));
  Timer timer;
  double cpu = 0;
  std::barrier begin(result.streams, [&]() noexcept {
    timer = Timer();
    cpu = cpu_seconds();
  });
  const auto wait = [&] { begin.arrive_and_wait(); };
  std::vector<std::jthread> callers;
  for (Stream& stream : streams) callers.emplace_back([&] { stream.run(wait); });
  callers.clear();  // waits for all
  result.seconds = timer.seconds();
  result.cpu_seconds = cpu_seconds() - cpu;
  for (const Stream& stream : streams) {
    stream.rethrow();
    result.latencies_ms.insert(result.latencies_ms.end(), stream.latencies().begin(), stream.latencies().end());
  }
}

}  // namespace

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto bytes = [&] { return 1024 * std::strtoll(line.c_str() + line.find(':') + 1, nullptr, 10); };
    if (line.starts_with("VmHWM:")) memory.peak = bytes();
    if (line.starts_with("VmRSS:")) memory.resident = bytes();
  }
  return memory;
}

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

BenchResult run_bench_case(const std::string& model, const BenchCase& wanted, const BenchLimits& limits) {
  BenchResult result;
  result.threads = wanted.threads;
  result.streams = wanted.streams;
  result.batch = wanted.batch;
  set_threads(wanted.threads);
  reset_peak_memory();
  result.before = process_memory();
  const Timer loading;
  Session session = Session::load(model, {.seed = wanted.feeds.front().seed, .max_memory = limits.max_memory});
  result.load_ms = loading.milliseconds();
  const std::vector<Session::Feeds> feeds = all_feeds(session, wanted, result);
  const Timer first;
  session.run(feeds.front());
  result.first_ms = result.load_ms + first.milliseconds();
  run_streams(session, feeds, limits, result);
  result.after = process_memory();
  result.memory = session.memory().latest;
  if (limits.profile) {
    result.profile = profile_layers(session, feeds.front(), wanted.threads, limits.seconds / 2, limits.runs);
  }
  return result;
}

LatencySummary summarize(std::vector<double> latencies) {
  LatencySummary summary;
  if (latencies.empty()) return summary;
  std::sort(latencies.begin(), latencies.end());
  const auto count = static_cast<double>(latencies.size());
  const auto percentile = [&](double share) {
    const double place = share * (count - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, latencies.size() - 1);
    return latencies[below] + (place - static_cast<double>(below)) * (latencies[above] - latencies[below]);
  };
  summary.min = latencies.front();
  summary.max = latencies.back();
  summary.mean = std::accumulate(latencies.begin(), latencies.end(), 0.0) / count;
  summary.median = percentile(0.5);
  summary.p90 = percentile(0.9);
  summary.p95 = percentile(0.95);
  summary.p99 = percentile(0.99);
  double squares = 0;
  for (const double latency : latencies) squares += (latency - summary.mean) * (latency - summary.mean);
  summary.deviation = std::sqrt(squares / count);
  return summary;
}

}  // namespace kiln::cli
