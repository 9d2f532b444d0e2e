#include "kernels/norm/layer_norm.hpp"

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

extern const NormTable norm_table_portable, norm_table_avx2, norm_table_avx512;

const NormTable& norm_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return norm_table_avx512;
    case Isa::avx2: return norm_table_avx2;
    default: return norm_table_portable;
  }
}

LayerNorm::LayerNorm(const LayerNormProblem& p, Isa isa) : problem_(p), isa_(isa) {
  if (p.rows < 0 || p.n < 1) fail(ErrorCode::invalid_argument, "a normalisation of {} rows of {}", p.rows, p.n);
  const int64_t dims[] = {p.rows, p.n, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, "a normalisation");
  const NormTable& table = norm_table(isa);
  function_ = p.centred ? table.layer_norm : table.rms_norm;
}

std::string LayerNorm::name() const {
  return fmt::format("norm_f32_{}_{}", problem_.centred ? "layer" : "rms", isa_name(isa_));
}

void LayerNorm::run_part(int64_t, int64_t part, int64_t parts, const LayerNormPointers& p, float*) const {
  const auto [begin, end] = part_range(problem_.rows, part, parts);
  const int64_t first = begin * problem_.n;
  LayerNormArgs a{};
  a.x = p.x + first;
  a.residual = p.residual == nullptr ? nullptr : p.residual + first;
  a.scale = p.scale;
  a.bias = p.bias;
  a.out = p.out + first;
  a.sum = p.sum == nullptr ? nullptr : p.sum + first;
  a.rows = end - begin;
  a.n = problem_.n;
  a.epsilon = problem_.epsilon;
  function_(a);
}

}  // namespace kiln
