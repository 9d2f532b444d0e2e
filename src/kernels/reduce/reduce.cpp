#include "kernels/reduce/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

extern const ReduceTable reduce_table_portable, reduce_table_avx2, reduce_table_avx512;

const ReduceTable& reduce_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return reduce_table_avx512;
    case Isa::avx2: return reduce_table_avx2;
    default: return reduce_table_portable;
  }
}

namespace {

constexpr int64_t most_width = ReduceTable::column_vectors * 16;

Fold fold_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
    case Reduction::mean:
    case Reduction::log_sum: return Fold::sum;
    case Reduction::l1: return Fold::magnitudes;
    case Reduction::l2:
    case Reduction::sum_square: return Fold::squares;
    case Reduction::log_sum_exp: return Fold::exponentials;
    case Reduction::max: return Fold::max;
    case Reduction::min: return Fold::min;
    case Reduction::prod: return Fold::product;
  }
  return Fold::sum;
}

double start_of(Fold fold) {
  if (fold == Fold::max) return -std::numeric_limits<double>::infinity();
  if (fold == Fold::min) return std::numeric_limits<double>::infinity();
  return fold == Fold::product ? 1 : 0;
}

double join(Fold fold, double x, double total) {
  switch (fold) {
    case Fold::max: return x > total || x != x ? x : total;
    case Fold::min: return x < total || x != x ? x : total;
    case Fold::product: return total * x;
    default: return total + x;
  }
}

}  // namespace

Reduce::Reduce(Reduction reduction, std::span<const int64_t> shape, const std::vector<bool>& reduced, Isa isa)
    : reduction_(reduction), isa_(isa), fold_(fold_of(reduction)), table_(&reduce_table(isa)) {
  if (reduced.size() != shape.size()) {
    fail(ErrorCode::invalid_argument, "{} axes of {} are to be reduced", reduced.size(), shape.size());
  }
  struct Run {
    int64_t extent, stride;
    bool reduced;
  };
  std::vector<Run> runs;  // innermost first; neighbouring axes of one kind are one
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] < 1) fail(ErrorCode::unsupported, "a reduction of a tensor without elements");
    if (shape[i] == 1) continue;
    if (!runs.empty() && runs.back().reduced == reduced[i]) {
      runs.back().extent *= shape[i];
    } else {
      runs.push_back({shape[i], stride, reduced[i]});
    }
    stride = checked_mul<int64_t>(stride, shape[i], "a reduction");
  }
  bool has_gathered = false;
  for (size_t i = 0; i < runs.size(); ++i) {
    const Axis axis{runs[i].extent, runs[i].stride};
    if (!runs[i].reduced && i == 0) {
      width_ = axis.extent;
    } else if (!runs[i].reduced) {
      kept_.insert(kept_.begin(), axis);
      rows_ *= axis.extent;
    } else {
      count_ *= axis.extent;
      if (has_gathered) outer_.insert(outer_.begin(), axis), outer_runs_ *= axis.extent;
      if (!has_gathered) gathered_ = axis;
      has_gathered = true;
    }
  }
}

std::string Reduce::name() const {
  constexpr const char* names[] = {"sum",     "mean",        "l1",  "l2",  "sum_square",
                                   "log_sum", "log_sum_exp", "max", "min", "prod"};
  return fmt::format("reduce_f32_{}_{}_{}", names[static_cast<size_t>(reduction_)], width_ == 0 ? "rows" : "columns",
                     isa_name(isa_));
}

void Reduce::run_part(int64_t, int64_t part, int64_t parts, const ReducePointers& p, float*) const {
  if (width_ == 0) {
    run_rows(part, parts, p);
  } else {
    run_columns(part, parts, p);
  }
}

int64_t Reduce::offset_of(const std::vector<Axis>& axes, int64_t index) {
  int64_t offset = 0;
  for (size_t axis = axes.size(); axis-- > 0;) {
    offset += index % axes[axis].extent * axes[axis].stride;
    index /= axes[axis].extent;
  }
  return offset;
}

float Reduce::result(double total, double shift) const {
  switch (reduction_) {
    case Reduction::mean: return static_cast<float>(total / static_cast<double>(count_));
    case Reduction::l2: return static_cast<float>(std::sqrt(total));
    case Reduction::log_sum: return static_cast<float>(std::log(total));
    case Reduction::log_sum_exp: return static_cast<float>(std::isfinite(shift) ? shift + std::log(total) : shift);
    default: return static_cast<float>(total);
  }
}

double Reduce::row_total(Fold fold, const float* in, float shift) const {
  const auto function = table_->fold_row[static_cast<int>(fold)];
  if (outer_.empty()) return function(in, gathered_.extent, shift);
  double total = start_of(fold);
  for (int64_t run = 0; run < outer_runs_; ++run) {
    total = join(fold, function(in + offset_of(outer_, run), gathered_.extent, shift), total);
  }
  return total;
}

void Reduce::run_rows(int64_t part, int64_t parts, const ReducePointers& p) const {
  const auto [begin, end] = part_range(rows_, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const float* in = p.in + offset_of(kept_, i);
    // e^(x - shift) of the greatest x is 1: nothing overflows.
    const double shift = reduction_ == Reduction::log_sum_exp ? row_total(Fold::max, in, 0) : 0;
    p.out[i] = result(row_total(fold_, in, static_cast<float>(shift)), shift);
  }
}

void Reduce::column_totals(Fold fold, const float* in, int64_t width, const float* shifts, float* totals) const {
  const auto function = table_->fold_columns[static_cast<int>(fold)];
  std::fill(totals, totals + width, static_cast<float>(start_of(fold)));
  for (int64_t run = 0; run < outer_runs_; ++run) {
    function(in + offset_of(outer_, run), gathered_.extent, gathered_.stride, width, shifts, totals);
  }
}

void Reduce::run_columns(int64_t part, int64_t parts, const ReducePointers& p) const {
  const int64_t strip = ReduceTable::column_vectors * table_->lanes, strips = divide_up(width_, strip);
  const auto [begin, end] = part_range(rows_ * strips, part, parts);
  float shifts[most_width] = {}, totals[most_width];
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = i / strips, x = i % strips * strip, width = std::min(strip, width_ - x);
    const float* in = p.in + offset_of(kept_, row) + x;
    float* const out = p.out + row * width_ + x;
    if (reduction_ == Reduction::log_sum_exp) column_totals(Fold::max, in, width, shifts, shifts);
    column_totals(fold_, in, width, shifts, totals);
    for (int64_t k = 0; k < width; ++k) {
      out[k] = result(static_cast<double>(totals[k]), static_cast<double>(shifts[k]));
    }
  }
}

}  // namespace kiln
