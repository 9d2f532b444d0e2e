#include "kernels/norm/softmax.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

Softmax::Softmax(const SoftmaxProblem& p, Isa isa) : problem_(p), isa_(isa), table_(&norm_table(isa)) {
  if (p.outer < 0 || p.n < 1 || p.inner < 1) {
    fail(ErrorCode::invalid_argument, "a softmax over {} x {} x {} numbers", p.outer, p.n, p.inner);
  }
  const int64_t dims[] = {p.outer, p.n, p.inner, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, "a softmax");
}

std::string Softmax::name() const {
  return fmt::format("{}softmax_f32_{}_{}", problem_.log ? "log_" : "", problem_.inner == 1 ? "rows" : "columns",
                     isa_name(isa_));
}

void Softmax::run_part(int64_t, int64_t part, int64_t parts, const SoftmaxPointers& p, float*) const {
  const int64_t n = problem_.n, inner = problem_.inner;
  if (inner == 1) {
    const auto [begin, end] = part_range(problem_.outer, part, parts);
    return table_->softmax_rows[problem_.log](p.in + begin * n, p.out + begin * n, end - begin, n);
  }
  const int64_t strip = NormTable::column_vectors * table_->lanes, strips = divide_up(inner, strip);
  const auto [begin, end] = part_range(problem_.outer * strips, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t x = i % strips * strip, at = i / strips * n * inner + x;
    table_->softmax_columns[problem_.log](p.in + at, p.out + at, n, inner, std::min(strip, inner - x));
  }
}

}  // namespace kiln
