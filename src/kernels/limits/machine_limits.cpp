#include "kernels/limits/machine_limits.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/cpu.hpp"
#include "base/team.hpp"
#include "base/timer.hpp"
#include "kernels/limits/limits_table.hpp"

namespace kiln {

extern const LimitsTable limits_table_portable, limits_table_avx2, limits_table_avx512;

namespace {

const LimitsTable& limits_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return limits_table_avx512;
    case Isa::avx2: return limits_table_avx2;
    default: return limits_table_portable;
  }
}

/// Of the quickest of some tries of all threads at once.
double least_seconds(Team& team, int parts, FunctionRef<void(int)> body) {
  constexpr int tries = 6;
  double least = 1e9;
  for (int i = 0; i < tries; ++i) {
    const Timer timer;
    team.run(parts, body);
    least = std::min(least, timer.seconds());
  }
  return least;
}

MachineLimits measure(const LimitsTable& table, int threads) {
  constexpr int64_t rounds = 40000, line = 128;
  // What the last level of cache holds must not count.
  const int64_t bytes = std::clamp<int64_t>(4 * cache_sizes().l3, int64_t{64} << 20, int64_t{512} << 20);
  MachineLimits limits;
  ThreadPool pool(std::min(threads, Team::most_parts));
  Team::gather(pool, [&](Team& team) {
    const int parts = team.size();
    std::vector<float> sums(static_cast<size_t>(parts) * 32);  // each thread has a line of its own
    const auto sum_of = [&](int part) -> float& { return sums[static_cast<size_t>(part) * 32]; };
    const float xs[] = {0.5f, 1.0f};
    const double adding =
        least_seconds(team, parts, [&](int part) { sum_of(part) += table.multiply_adds(xs, rounds); });
    limits.flops = static_cast<double>(rounds * table.flops_a_round * parts) / adding;
    const int64_t numbers = bytes / 4 / parts / line * line;
    std::vector<std::vector<float>> memory(static_cast<size_t>(parts));
    team.run(parts, [&](int part) { memory[static_cast<size_t>(part)].assign(static_cast<size_t>(numbers), 1.0f); });
    const double reading = least_seconds(
        team, parts, [&](int part) { sum_of(part) += table.read(memory[static_cast<size_t>(part)].data(), numbers); });
    limits.bytes = static_cast<double>(numbers * 4 * parts) / reading;
  });
  return limits;
}

}  // namespace

double MachineLimits::seconds(double of_flops, double of_bytes) const {
  return std::max(of_flops / flops, of_bytes / bytes);
}

const MachineLimits& machine_limits(Isa isa, int threads) {
  static std::mutex mutex;
  static std::map<std::pair<Isa, int>, MachineLimits> known;
  const std::scoped_lock lock(mutex);
  const auto [found, is_new] = known.try_emplace({isa, threads});
  if (is_new) found->second = measure(limits_table(isa), threads);
  return found->second;
}

}  // namespace kiln
