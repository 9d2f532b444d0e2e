#include "kernels/reduce/arg_reduce.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

ArgReduce::ArgReduce(const ArgReduceProblem& p, Isa isa) : problem_(p), isa_(isa), table_(&reduce_table(isa)) {
  if (p.outer < 0 || p.n < 1 || p.inner < 1) {
    fail(ErrorCode::invalid_argument, "the best of {} x {} x {} numbers", p.outer, p.n, p.inner);
  }
  if (p.n > int64_t{1} << 24) fail(ErrorCode::unsupported, "the best of {} numbers", p.n);  // indices are floats
  const int64_t dims[] = {p.outer, p.n, p.inner, static_cast<int64_t>(sizeof(int64_t))};
  checked_product(dims, "the best of lanes");
}

std::string ArgReduce::name() const {
  return fmt::format("arg_reduce_f32_{}_{}_{}", problem_.least ? "min" : "max",
                     problem_.inner == 1 ? "rows" : "columns", isa_name(isa_));
}

// One number at a time, where a NaN is among them.
int64_t ArgReduce::best_of_lane(const float* in) const {
  const int64_t n = problem_.n, step = problem_.inner;
  int64_t best = problem_.last ? n - 1 : 0;
  for (int64_t i = 1; i < n; ++i) {
    const int64_t k = problem_.last ? n - 1 - i : i;
    const float x = in[k * step], y = in[best * step];
    const bool better = problem_.least ? x < y : x > y;
    if (x != x ? y == y : better) best = k;
  }
  return best;
}

void ArgReduce::run_part(int64_t, int64_t part, int64_t parts, const ArgReducePointers& p, float*) const {
  const int64_t n = problem_.n, inner = problem_.inner;
  if (inner == 1) {
    const auto function = table_->best_of_row[problem_.least][problem_.last];
    const auto [begin, end] = part_range(problem_.outer, part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t best = function(p.in + i * n, n);
      p.out[i] = best >= 0 ? best : best_of_lane(p.in + i * n);
    }
    return;
  }
  constexpr int64_t strip = ReduceTable::most_best_columns;
  const auto function = table_->best_of_columns[problem_.least][problem_.last];
  const int64_t strips = divide_up(inner, strip);
  const auto [begin, end] = part_range(problem_.outer * strips, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t outer = i / strips, x = i % strips * strip, width = std::min(strip, inner - x);
    const float* const in = p.in + outer * n * inner + x;
    int64_t* const out = p.out + outer * inner + x;
    float indices[strip];
    const bool all_numbers = function(in, n, inner, width, indices);
    for (int64_t k = 0; k < width; ++k) {
      out[k] = all_numbers ? static_cast<int64_t>(indices[k]) : best_of_lane(in + k);
    }
  }
}

}  // namespace kiln
