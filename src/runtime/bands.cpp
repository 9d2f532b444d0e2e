#include "runtime/bands.hpp"

#include <algorithm>
#include <limits>

namespace kiln {
namespace {

constexpr int64_t none = std::numeric_limits<int64_t>::max();

int64_t first_read(const RowRule& rule, int64_t row) { return row * rule.down / rule.up - rule.before; }
int64_t end_read(const RowRule& rule, int64_t end) { return (end - 1) * rule.down / rule.up + rule.after + 1; }

}  // namespace

int64_t Bands::aligned(const BandedOp& op, int64_t end) const {
  return std::min(op.height, divide_up(end, op.rule.multiple) * op.rule.multiple);
}

std::vector<RowSpan> Bands::rows_of(int64_t part, int64_t parts) const {
  std::vector<RowSpan> rows(ops_.size(), {none, 0});
  const auto want = [&](int maker, int64_t first, int64_t end) {
    RowSpan& span = rows[static_cast<size_t>(maker)];
    span.first = std::min(span.first, std::max<int64_t>(0, first)), span.end = std::max(span.end, end);
  };
  for (size_t i = ops_.size(); i-- > 0;) {
    const BandedOp& op = ops_[i];
    RowSpan& span = rows[i];
    if (op.needs_all || !tensors_[static_cast<size_t>(op.tensor)].rolls) {
      const PartRange units = part_range(divide_up(op.height, op.rule.multiple), part, parts);
      if (units.begin < units.end)
        want(static_cast<int>(i), units.begin * op.rule.multiple, units.end * op.rule.multiple);
    }
    if (span.is_empty()) {
      span = {0, 0};
      continue;
    }
    span.first = span.first / op.rule.multiple * op.rule.multiple;
    span.end = aligned(op, span.end);
    for (const int maker : op.around_makers) {
      want(maker, first_read(op.rule, span.first), end_read(op.rule, span.end));
    }
    for (const int maker : op.beside_makers) want(maker, span.first, span.end);
  }
  return rows;
}

bool Bands::can_divide(int64_t parts) const {
  std::vector<int64_t> done(ops_.size(), 0);
  for (int64_t part = 0; part < parts; ++part) {
    const std::vector<RowSpan> rows = rows_of(part, parts);
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (tensors_[static_cast<size_t>(ops_[i].tensor)].rolls || rows[i].is_empty()) continue;
      if (rows[i].first < done[i]) return false;
      done[i] = rows[i].end;
    }
  }
  return true;
}

std::vector<int64_t> Bands::rows_after(const std::vector<RowSpan>& rows, int64_t band, int64_t bands) const {
  std::vector<int64_t> ends(ops_.size(), 0);
  const auto want = [&](int maker, int64_t end) {
    int64_t& wanted = ends[static_cast<size_t>(maker)];
    wanted = std::max(wanted, end);
  };
  for (size_t i = ops_.size(); i-- > 0;) {
    const BandedOp& op = ops_[i];
    if (op.needs_all || !tensors_[static_cast<size_t>(op.tensor)].rolls) {
      const int64_t step = divide_up(divide_up(rows[i].end - rows[i].first, bands), op.rule.multiple);
      want(static_cast<int>(i), rows[i].first + step * op.rule.multiple * (band + 1));
    }
    if (band + 1 == bands) ends[i] = rows[i].end;
    ends[i] = std::clamp(aligned(op, ends[i]), rows[i].first, rows[i].end);
    if (ends[i] == rows[i].first) continue;
    for (const int maker : op.around_makers) want(maker, end_read(op.rule, ends[i]));
    for (const int maker : op.beside_makers) want(maker, ends[i]);
  }
  return ends;
}

RowSpan Bands::rows_at_hand(int tensor, const std::vector<RowSpan>& rows, const std::vector<int64_t>& from,
                            const std::vector<int64_t>& to) const {
  const BandedTensor& of = tensors_[static_cast<size_t>(tensor)];
  const auto is_there = [&](int other) { return tensors_[static_cast<size_t>(other)].memory == tensor; };
  RowSpan span{none, -1};
  for (size_t i = 0; i < ops_.size(); ++i) {
    const BandedOp& op = ops_[i];
    if (is_there(op.tensor) && !rows[i].is_empty()) {
      if (from[i] < rows[i].end) span.first = std::min(span.first, from[i]);
      span.end = std::max(span.end, to[i] == of.height ? to[i] + of.halo : to[i]);
    }
    if (from[i] >= rows[i].end) continue;
    if (op.around >= 0 && is_there(op.around))
      span.first = std::min(span.first, std::max(-of.halo, first_read(op.rule, from[i])));
    if (std::any_of(op.beside.begin(), op.beside.end(), is_there)) {
      span.first = std::min(span.first, from[i]);
    }
  }
  return span.first >= span.end ? RowSpan{} : span;
}

}  // namespace kiln
