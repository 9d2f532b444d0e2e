#include "kernels/reduce/cum_sum.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

CumSum::CumSum(const CumSumProblem& p) : problem_(p) {
  if (p.outer < 0 || p.n < 1 || p.inner < 1) {
    fail(ErrorCode::invalid_argument, "running sums of {} x {} x {} numbers", p.outer, p.n, p.inner);
  }
  const int64_t dims[] = {p.outer, p.n, p.inner, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, "running sums");
}

// Strips of columns, so that each row of a strip is the one before it plus the input.
void CumSum::run_part(int64_t, int64_t part, int64_t parts, const CumSumPointers& p, float*) const {
  constexpr int64_t strip = 64;
  const int64_t n = problem_.n, inner = problem_.inner, strips = divide_up(inner, strip);
  const int64_t step = problem_.reverse ? -inner : inner;
  const auto [begin, end] = part_range(problem_.outer * strips, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t x = i % strips * strip, width = std::min(strip, inner - x);
    const int64_t first = i / strips * n * inner + x + (problem_.reverse ? (n - 1) * inner : 0);
    const float* in = p.in + first;
    float* out = p.out + first;
    if (problem_.exclusive) {
      std::fill(out, out + width, 0.0f);
    } else {
      std::copy(in, in + width, out);
    }
    for (int64_t k = 1; k < n; ++k, in += step, out += step) {
      const float* const added = problem_.exclusive ? in : in + step;
      if (problem_.exclusive && k == 1) {
        std::copy(added, added + width, out + step);  // a sum of one number keeps its zero's sign
      } else {
        for (int64_t c = 0; c < width; ++c) out[step + c] = out[c] + added[c];
      }
    }
  }
}

}  // namespace kiln
