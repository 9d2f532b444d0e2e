#include "runtime/bands.hpp"

#include <algorithm>
#include <limits>

namespace kiln {
namespace {

constexpr int64_t none = std::numeric_limits<int64_t>::max();

/// Also for rows above the first.
int64_t divide_down(int64_t a, int64_t b) { return a >= 0 ? a / b : -divide_up(-a, b); }

int64_t first_read(const RowRule& rule, int64_t row) { return row * rule.down / rule.up - rule.before; }
int64_t end_read(const RowRule& rule, int64_t end) {
  return divide_down((end - 1) * rule.down, rule.up) + rule.after + 1;
}

}  // namespace

int64_t Bands::aligned(const BandedOp& op, int64_t end) const {
  const int64_t multiple = multiple_of(op);
  return std::min(op.height, -divide_down(-end, multiple) * multiple);
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
    if (is_wanted_whole(op)) {
      const PartRange units = part_range(divide_up(op.height, op.meeting), part, parts);
      if (units.begin < units.end) want(static_cast<int>(i), units.begin * op.meeting, units.end * op.meeting);
    }
    if (span.is_empty()) {
      span = {0, 0};
      continue;
    }
    span.first = span.first / multiple_of(op) * multiple_of(op);
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

bool Bands::is_wanted_whole(const BandedOp& op) const {
  return op.needs_all || !tensors_[static_cast<size_t>(op.tensor)].rolls;
}

Pace Bands::pace_of(const std::vector<RowSpan>& rows, int64_t bands) const {
  Pace pace;
  int64_t most = 0;
  for (size_t i = 0; i < ops_.size(); ++i) {
    const int64_t count = rows[i].end - rows[i].first;
    if (is_wanted_whole(ops_[i]) && count > most)
      most = count, pace.first = rows[i].first, pace.height = ops_[i].height;
  }
  int64_t multiple = 1;
  for (const BandedOp& op : ops_) {
    if (is_wanted_whole(op) && op.height == pace.height) multiple = std::max(multiple, op.meeting);
  }
  pace.step = divide_up(divide_up(most, bands), multiple) * multiple;
  pace.bands = bands;
  return pace;
}

Pace Bands::whole_pace_of(const std::vector<RowSpan>& rows, int64_t bands) const {
  Pace pace = pace_of(rows, bands);
  std::vector<int64_t> ends(ops_.size());
  for (bool is_begun = true; is_begun;) {
    pace.first -= pace.step, ++pace.bands;
    rows_after(rows, pace, 0, ends);
    is_begun = false;
    for (size_t i = 0; i < ops_.size(); ++i) is_begun = is_begun || ends[i] > rows[i].first;
  }
  pace.first += pace.step, --pace.bands;
  return pace;
}

void Bands::rows_after(const std::vector<RowSpan>& rows, const Pace& pace, int64_t band,
                       std::span<int64_t> ends) const {
  std::fill(ends.begin(), ends.end(), -none);
  const auto want = [&](int maker, int64_t end) {
    int64_t& wanted = ends[static_cast<size_t>(maker)];
    wanted = std::max(wanted, end);
  };
  const int64_t reached = pace.first + pace.step * (band + 1);
  for (size_t i = ops_.size(); i-- > 0;) {
    const BandedOp& op = ops_[i];
    if (is_wanted_whole(op)) {
      const int64_t end = op.height == pace.height ? reached : -divide_down(-reached * op.height, pace.height);
      want(static_cast<int>(i), end);
    }
    if (band + 1 == pace.bands) ends[i] = rows[i].end;
    if (rows[i].is_empty() || ends[i] == -none) {
      ends[i] = rows[i].first;
      continue;
    }
    // Others are to be ahead of what is not begun yet, too.
    const int64_t end = std::min(aligned(op, ends[i]), rows[i].end);
    ends[i] = std::max(end, rows[i].first);
    for (const int maker : op.around_makers) want(maker, end_read(op.rule, end));
    for (const int maker : op.beside_makers) want(maker, end);
  }
}

void Bands::rows_at_hand(const std::vector<RowSpan>& rows, std::span<const int64_t> from, std::span<const int64_t> to,
                         std::span<RowSpan> spans) const {
  std::fill(spans.begin(), spans.end(), RowSpan{none, -1});
  const auto memory_of = [&](int tensor) { return static_cast<size_t>(tensors_[static_cast<size_t>(tensor)].memory); };
  const auto need = [&](size_t memory, int64_t first) { spans[memory].first = std::min(spans[memory].first, first); };
  for (size_t i = 0; i < ops_.size(); ++i) {
    const BandedOp& op = ops_[i];
    const size_t made = memory_of(op.tensor);
    if (!rows[i].is_empty()) {
      const BandedTensor& of = tensors_[made];
      if (from[i] < rows[i].end) need(made, from[i]);
      spans[made].end = std::max(spans[made].end, to[i] == of.height ? to[i] + of.halo : to[i]);
    }
    if (from[i] >= rows[i].end) continue;
    if (op.around >= 0) {
      const size_t read = memory_of(op.around);
      need(read, std::max(-tensors_[read].halo, first_read(op.rule, from[i])));
    }
    for (const int beside : op.beside) need(memory_of(beside), from[i]);
  }
  for (RowSpan& span : spans) {
    if (span.is_empty()) span = {};
  }
}

}  // namespace kiln
