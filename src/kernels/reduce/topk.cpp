#include "kernels/reduce/topk.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "kernels/layout.hpp"

namespace kiln {
namespace {

/// Lets the key at `at` sink until none below it is smaller; heap[i * step] are the keys.
void sink(int64_t* heap, int64_t size, int64_t step, int64_t at) {
  constexpr int64_t work = 16;  // as many elements of a large heap are looked at, most of them far from each other
  stop_point(work);
  const int64_t key = heap[at * step];
  for (int64_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && heap[(child + 1) * step] < heap[child * step]) ++child;
    if (heap[child * step] >= key) break;
    heap[at * step] = heap[child * step];
    at = child;
  }
  heap[at * step] = key;
}

constexpr int64_t low_bits = 0xffffffff;

}  // namespace

TopK::TopK(const TopKProblem& p, Isa isa) : problem_(p), isa_(isa), table_(&reduce_table(isa)) {
  if (p.outer < 0 || p.n < 1 || p.inner < 1 || p.k < 0 || p.k > p.n) {
    fail(ErrorCode::invalid_argument, "the {} best of {} x {} x {} numbers", p.k, p.outer, p.n, p.inner);
  }
  if (p.n > low_bits) fail(ErrorCode::unsupported, "the best of {} numbers", p.n);
  const int64_t dims[] = {p.outer, p.n, p.inner, static_cast<int64_t>(sizeof(int64_t))};
  checked_product(dims, "the best of lanes");
}

std::string TopK::name() const { return fmt::format("topk_f32_{}", isa_name(isa_)); }

// The better the greater. The upper half ranks the value, both zeros alike; the lower half ranks the index.
int64_t TopK::key(float value, int64_t index) const {
  int32_t rank = std::bit_cast<int32_t>(value + 0.0f);
  if (value != value) {
    rank = std::numeric_limits<int32_t>::max();
  } else if (rank < 0) {
    rank = rank == std::numeric_limits<int32_t>::min() ? 0 : rank ^ std::numeric_limits<int32_t>::max();
  }
  if (!problem_.largest) rank = ~rank;
  return int64_t{rank} * (low_bits + 1) + (low_bits - index);
}

int64_t TopK::index_of(int64_t key) const { return low_bits - (key & low_bits); }

// The worst of the best so far is at the heap's top; only what beats it matters.
void TopK::gather_lane(const float* in, int64_t* heap) const {
  const int64_t n = problem_.n, step = problem_.inner, k = problem_.k;
  for (int64_t i = 0; i < k; ++i) heap[i * step] = key(in[i * step], i);
  for (int64_t i = k / 2; i-- > 0;) sink(heap, k, step, i);
  const auto next_beyond = table_->next_beyond[!problem_.largest];
  constexpr int64_t run = 64;  // numbers looked at before whole registers are again
  float limit = in[index_of(heap[0]) * step];
  for (int64_t i = k; i < n;) {
    // A NaN is beyond all numbers, but not beyond an infinity as these functions compare.
    if (step == 1 && std::isfinite(limit)) i = next_beyond(in, i, n, limit);
    stop_point(run);
    for (const int64_t end = std::min(n, i + run); i < end; ++i) {
      const float value = in[i * step];
      if (problem_.largest ? value <= limit : value >= limit) continue;
      const int64_t candidate = key(value, i);
      if (candidate <= heap[0]) continue;
      heap[0] = candidate;
      sink(heap, k, step, 0);
      limit = in[index_of(heap[0]) * step];
    }
  }
  for (int64_t size = k - 1; size > 0; --size) {
    std::swap(heap[0], heap[size * step]);
    sink(heap, size, step, 0);
  }
}

void TopK::run_part(int64_t, int64_t part, int64_t parts, const TopKPointers& p, float*) const {
  const int64_t n = problem_.n, inner = problem_.inner, k = problem_.k;
  if (k == 0) return;
  const auto [begin, end] = part_range(problem_.outer * inner, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t outer = i / inner, x = i % inner;
    const float* const in = p.in + outer * n * inner + x;
    int64_t* const indices = p.indices + outer * k * inner + x;
    float* const values = p.values + outer * k * inner + x;
    gather_lane(in, indices);
    for (int64_t j = 0; j < k * inner; j += inner) {
      indices[j] = index_of(indices[j]);
      values[j] = in[indices[j] * inner];
    }
  }
}

}  // namespace kiln
