#include "tactics/tactic.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {
namespace {

// Of a core of Zen 4 that others leave alone: bytes a second by where they lie, and the clock.
constexpr double l2_rate = 90e9, l3_rate = 50e9, memory_rate = 22e9;
constexpr double clock_rate = 4.0e9;

}  // namespace

BlockedLayout blocked_layout(const Shape& shape, Isa isa, Halo halo) {
  if (shape.size() != 3 && shape.size() != 4) {
    fail(ErrorCode::internal, "a tensor of rank {} has no blocked layout", shape.size());
  }
  BlockedLayout layout;
  layout.n = shape[0];
  layout.c = shape[1];
  layout.h = shape.size() == 4 ? shape[2] : 1;
  layout.w = shape.back();
  layout.block = block_of(isa);
  layout.halo = halo;
  return layout;
}

Tuning packing_of(const Tactic& tactic, const Tuning& tuning) {
  Tuning packing = tuning;
  for (size_t i = 0; i < packing.numbers.size(); ++i) {
    if ((tactic.packed_by >> i & 1) == 0) packing.numbers[i] = 0;
  }
  return packing;
}

RowBand band_of(const RowRule& rule, int64_t first, int64_t end, int64_t in_height) {
  const int64_t in_first = std::clamp<int64_t>(first * rule.down / rule.up - rule.before, 0, in_height - 1);
  const int64_t in_last = (end - 1) * rule.down / rule.up + rule.after;
  return {first, end - first, in_first, std::clamp(in_last, in_first, in_height - 1) - in_first + 1};
}

BlockedLayout rows_view(BlockedLayout layout, int64_t rows, int64_t lines) {
  layout.h = rows;
  layout.lines = lines;
  return layout;
}

Formats uniform_formats(const Problem& problem, Format format, uint32_t packed) {
  Formats formats;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const bool reads = problem.inputs[i].is_given() && (i >= 32 || (packed >> i & 1) == 0);
    formats.inputs.push_back(reads ? format : Format::plain);
  }
  formats.outputs.assign(problem.outputs.size(), format);
  return formats;
}

std::vector<Formats> plain_only(const Problem& problem) { return {uniform_formats(problem, Format::plain)}; }

uint32_t residual_place(const Problem& problem) {
  return problem.epilogue().residual == Residual::before_activation ? 1u << problem.group->residual : 0;
}

bool is_f32(const TensorSpec& spec) { return spec.dtype == DType::f32; }

double memory_seconds(double bytes) {
  const CacheSizes& caches = cache_sizes();
  const double near = static_cast<double>(caches.l2), far = static_cast<double>(caches.l3) / 2;
  const double in_l3 = std::clamp(bytes - near, 0.0, far - near), beyond = std::max(0.0, bytes - far);
  return std::min(bytes, near) / l2_rate + in_l3 / l3_rate + beyond / memory_rate;
}

double weight_seconds(const Problem& problem, double bytes) {
  const bool far = problem.far_weights || bytes > static_cast<double>(cache_sizes().l3) / 2;
  return bytes / (far ? memory_rate : 1.2 * l3_rate);
}

double arithmetic_seconds(double multiply_adds, Isa isa, double share_of_peak) {
  const double lanes = isa == Isa::avx512 ? (has_half_rate_avx512() ? 8 : 16) : isa == Isa::avx2 ? 8 : 2;
  return multiply_adds / (2 * lanes * clock_rate * share_of_peak);
}

double paired_share(Isa isa) {
  // The two additions of a pair take no time of the unit that multiplies, or as much as a multiplication each.
  if (!adds_beside_multiplying()) return 0.6;
  return isa == Isa::avx512 ? 1.22 : isa == Isa::avx2 ? 1.05 : 0.5;
}

double bytes_moved(const Problem& problem, uint32_t packed) {
  double bytes = 0;
  const auto add = [&](const TensorSpec& spec) {
    if (!spec.is_given()) return;
    double size = static_cast<double>(dtype_size(spec.dtype));
    for (int64_t dim : spec.shape) size *= static_cast<double>(dim);
    bytes += size;
  };
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    if (i >= 32 || (packed >> i & 1) == 0) add(problem.inputs[i]);
  }
  for (const TensorSpec& output : problem.outputs) add(output);
  return bytes;
}

}  // namespace kiln
