#include "runtime/region_gain.hpp"

#include <algorithm>
#include <numeric>

#include "base/cpu.hpp"

namespace kiln {
namespace {

// Bytes a second of one thread by where they lie, and what it takes to begin a kernel and to wait for the others.
constexpr double l2_rate = 90e9, l3_rate = 45e9, memory_rate = 14e9;
constexpr double call_seconds = 2.5e-7, barrier_seconds = 5e-7;
/// Of the time, that sharing steps costs: little where threads share a cache, half of it where they do not.
constexpr double shared_share = 0.15;
constexpr double least_share = 0.01;    ///< of the time that it takes otherwise
constexpr double kernel_scratch = 0.3;  ///< of what the windows take
constexpr double near_share = 0.6;      ///< of L2, that what a thread touches in a band may take

double l2_bytes() { return static_cast<double>(cache_sizes().l2); }
double image_bytes(const Slot& slot) {
  return static_cast<double>(slot.layout.blocks() * slot.layout.block_stride()) * 4;
}

}  // namespace

int64_t bytes_of(const Slot& slot) {
  if (slot.format == Format::blocked) return slot.layout.floats() * 4;
  return element_count(slot.shape) * static_cast<int64_t>(dtype_size(slot.dtype));
}

RegionJudge::RegionJudge(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, const RegionPlan::Rules& rules,
                         int threads)
    : slots_(slots), ops_(ops), rules_(rules), threads_(threads), memory_shares_(ops.size(), -1) {
  used_.assign(ops_.size() + 1, 0);
  born_.assign(ops_.size() + 1, 0);
  for (const Slot& s : slots_) {
    if (s.base != Schedule::Base::none || s.parent >= 0 || s.first < 0) continue;
    used_[static_cast<size_t>(s.first)] += bytes_of(s);
    used_[static_cast<size_t>(s.last) + 1] -= bytes_of(s);
    born_[static_cast<size_t>(s.first) + 1] += bytes_of(s);
  }
  std::partial_sum(used_.begin(), used_.end(), used_.begin());
  std::partial_sum(born_.begin(), born_.end(), born_.begin());
}

double RegionJudge::seconds_of(size_t index) {
  ScheduledOp& op = ops_[index];
  if (op.seconds == 0 && op.problem) op.seconds = op.machine->tactic->cost(*op.problem, op.machine->tuning);
  return op.seconds;
}

bool RegionJudge::is_large(int64_t bytes) const { return excess_seconds(static_cast<double>(bytes) / threads_) > 0; }

/// Seconds that a byte of a tensor takes more than one of L2, where each thread writes and reads so many.
double RegionJudge::excess_seconds(double bytes) const {
  const double l3 = static_cast<double>(cache_sizes().l3) / threads_;
  if (bytes < 1.5 * l2_bytes()) return 0;
  return (bytes < l3 / 2 ? 1 / l3_rate : 1 / memory_rate) - 1 / l2_rate;
}

double RegionJudge::near_bytes() const { return near_share * l2_bytes(); }
double RegionJudge::far_bytes() const { return 0.4 * static_cast<double>(cache_sizes().l3) / threads_; }

/// Seconds that a byte still takes more than one of L2 where a thread touches so many in each band.
double RegionJudge::seconds_left(double touched) const {
  if (touched < near_bytes()) return 0;
  // Much of what is too large for L3 is still met there.
  return (touched < far_bytes() ? 1 / l3_rate : 0.5 / l3_rate + 0.5 / memory_rate) - 1 / l2_rate;
}

/// How much of an op's time goes by as its memory does: arithmetic hides the rest.
double RegionJudge::memory_share(size_t index) {
  const ScheduledOp& op = ops_[index];
  if (!op.problem) return 1;
  double& share = memory_shares_[index];
  if (share < 0) {
    const double moving = memory_seconds(bytes_moved(*op.problem, op.machine->tactic->packs));
    share = std::min(1.0, moving / seconds_of(index));
  }
  return share;
}

/// What it costs that the output cannot take the place of an input, since that does not exist as a whole.
double RegionJudge::lost_place(size_t index, const BandedOp& made, const std::vector<BandedTensor>& tensors) const {
  const ScheduledOp& op = ops_[index];
  if (!op.problem || op.machine->tactic->in_place == nullptr || tensors[static_cast<size_t>(made.tensor)].rolls) {
    return 0;
  }
  const uint32_t places = op.machine->tactic->in_place(*op.problem);
  for (size_t i = 0; i < op.inputs.size() && i < 32; ++i) {
    if ((places >> i & 1) == 0 || op.inputs[i] < 0) continue;
    const Slot& root = slot(root_of(slots_, op.inputs[i]));
    if (root.base != Schedule::Base::none || root.last != static_cast<int>(index)) continue;
    const double bytes = image_bytes(slot(op.outputs[0])) / threads_;
    return 2 * bytes * excess_seconds(bytes);  // it is read before it is written
  }
  return 0;
}

double RegionJudge::bytes_passing(const RegionPlan& plan, size_t begin, size_t end) const {
  double bytes = 0;
  for (size_t i = begin; i < end; ++i) {
    const auto add = [&](int index) {
      if (index < 0 || slot(index).shape.size() != 4) return;
      const int tensor = plan.tensor_of(root_of(slots_, index));
      if (tensor >= 0 && plan.bands().tensors()[static_cast<size_t>(tensor)].rolls) return;
      bytes += static_cast<double>(element_count(slot(index).shape)) * 4 / threads_;
    };
    for (size_t k = 0; k < ops_[i].inputs.size(); ++k) {
      if ((rules_[i]->whole >> k & 1) == 0) add(ops_[i].inputs[k]);
    }
    add(ops_[i].outputs[0]);
  }
  return bytes;
}

std::optional<RegionCase> RegionJudge::look(const RegionPlan& plan, size_t begin, size_t end, bool forced) {
  const std::vector<BandedTensor>& tensors = plan.bands().tensors();
  RegionCase region;
  region.begin = begin, region.end = end;
  region.first_wait = waits_.size(), region.first_way = ways_.size();
  region.beside = static_cast<double>(used_[begin] + born_[end] - born_[begin + 1]);
  std::vector<double> line(tensors.size(), 0), size(tensors.size(), 0);
  for (const auto& [root, tensor] : plan.tensors()) {
    const auto index = static_cast<size_t>(tensor);
    if (!tensors[index].rolls) continue;
    const BlockedLayout& l = slot(root).layout;
    line[index] = static_cast<double>(l.blocks() * l.row_stride() * 4);
    size[index] = image_bytes(slot(root)) / threads_;
    if (tensors[index].memory == tensor) region.all += size[index];
    region.beside -= static_cast<double>(bytes_of(slot(root)));
  }
  if (region.all == 0) return {};
  region.passing = bytes_passing(plan, begin, end);
  region.most_bands = region.most_shared = 1000000;
  const std::vector<RowSpan> rows = plan.bands().rows_of(threads_ - 1, threads_);  // which has the most
  for (size_t i = begin; i < end; ++i) {
    const BandedOp& op = plan.bands().ops()[i - begin];
    if (op.around >= 0) {
      region.kept += line[static_cast<size_t>(op.around)] *
                     static_cast<double>(op.rule.before + op.rule.after + 1 - op.rule.down / op.rule.up);
    }
    if (ops_[i].machine != nullptr) region.weights += static_cast<double>(ops_[i].machine->packed_floats) * 4;
    const RowSpan& span = rows[i - begin];
    if (!tensors[static_cast<size_t>(op.tensor)].rolls) {
      region.most_bands = std::min(region.most_bands, divide_up(span.end - span.first, op.meeting));
      region.most_shared = std::min(region.most_shared, divide_up(op.height, op.meeting));
    }
    region.seconds += seconds_of(i) / threads_;
    // Rows at the border of two parts are made by both.
    const double more = static_cast<double>(span.end - span.first) - static_cast<double>(op.height) / threads_;
    if (more > 0) region.doubled += seconds_of(i) / static_cast<double>(op.height) * more;
    region.lost += lost_place(i, op, tensors);
    const double share = memory_share(i);
    const auto wait = [&](double bytes) {
      if (const double seconds = excess_seconds(bytes); seconds > 0) waits_.push_back({bytes * share, seconds});
    };
    const auto wait_for = [&](int tensor) {
      if (tensor >= 0) wait(size[static_cast<size_t>(tensor)]);
    };
    wait_for(op.tensor);
    wait_for(op.around);
    for (const int beside : op.beside) wait_for(beside);
    if (rules_[i]->mean_output == 0) {
      const double bytes = image_bytes(slot(ops_[i].inputs[0])) / threads_;
      wait(bytes);
      region.meaned += bytes;
    }
  }
  region.most_bands = std::max<int64_t>(1, region.most_bands);
  region.most_shared = std::max<int64_t>(1, region.most_shared);
  region.reach = reach_of(plan, region.most_shared, line);
  region.waits = waits_.size() - region.first_wait;
  if (forced) {
    add_forced_ways(region);
  } else {
    add_ways(region, BandWork::Sharing::rows);
    if (threads_ > 1) add_ways(region, BandWork::Sharing::steps);
  }
  region.ways = ways_.size() - region.first_way;
  return region;
}

/// What is at hand at most of all that rolls, a line of each so many bytes, midway through bands as low as can be.
double RegionJudge::reach_of(const RegionPlan& plan, int64_t bands, const std::vector<double>& line) {
  constexpr int64_t looks = 3;
  const Bands& of = plan.bands();
  const std::vector<RowSpan> rows = of.rows_of(0, 1);
  const Pace pace = of.pace_of(rows, bands);
  std::vector<int64_t> from(rows.size()), to(rows.size());
  std::vector<RowSpan> spans(line.size());
  std::vector<int64_t> most(line.size(), 0);
  of.rows_after(rows, pace, bands / 2 - 1, from);
  for (int64_t i = 0; i < looks; ++i, from.swap(to)) {
    of.rows_after(rows, pace, bands / 2 + i, to);
    of.rows_at_hand(rows, from, to, spans);
    for (size_t k = 0; k < spans.size(); ++k) most[k] = std::max(most[k], spans[k].end - spans[k].first);
  }
  double bytes = 0;
  for (size_t i = 0; i < most.size(); ++i) {
    if (of.tensors()[i].rolls) bytes += line[i] * static_cast<double>(most[i]);
  }
  return bytes;
}

/// As few bands as let what a thread touches in each stay in L2, or else in its share of L3. Who shares steps has twice
/// as many, as low.
int64_t RegionJudge::bands_for(const RegionCase& region, int64_t least, BandWork::Sharing sharing) const {
  double room = near_bytes() - region.kept - region.weights;
  if (room < near_bytes() / 8) {
    room = std::max({far_bytes() - region.kept - region.weights, far_bytes() / 8, region.kept / 2});
  }
  const int64_t most = most_bands(region, sharing);
  const auto bands = (static_cast<int64_t>((region.all + region.passing) / room) + 1) * sharers(sharing);
  return std::clamp<int64_t>(bands, std::min(least, most), most);
}

double RegionJudge::scratch_bytes(const RegionCase& region, const Way& way) const {
  const auto all = region.all * static_cast<double>(sharers(way.sharing));
  const auto most = static_cast<double>(most_bands(region, way.sharing));
  // Kernels need scratch memory beside the lines.
  const double window = region.reach + std::max(0.0, all / static_cast<double>(way.bands) - all / most);
  return (1 + kernel_scratch) * window * threads_ / static_cast<double>(sharers(way.sharing));
}

double RegionJudge::gain_of(const RegionCase& region, const Way& way) const {
  const bool shares_steps = way.sharing == BandWork::Sharing::steps;
  const auto count = static_cast<double>(way.bands), steps = static_cast<double>(region.end - region.begin);
  const double threads = shares_steps ? threads_ : 1;
  const double touched = (region.all + region.passing) * threads / count + region.kept + region.weights;
  // Who shares steps reads what another core has written.
  const double left = std::max(seconds_left(touched), shares_steps && threads_ > 1 ? 1 / l3_rate - 1 / l2_rate : 0);
  double gain = -region.lost;
  for (size_t i = 0; i < region.waits; ++i) {
    const Wait& wait = waits_[region.first_wait + i];
    gain += wait.bytes * std::max(0.0, wait.seconds - left);
  }
  const double again = region.kept * 2 / l2_rate / threads + 0.3 * region.weights / l3_rate;
  if (shares_steps) {
    gain -= (count - 1) * (steps * (call_seconds + 2 * barrier_seconds) + again) + shared_share * region.seconds;
  } else {
    if (threads_ > 1) gain += (steps - 1) * barrier_seconds;
    gain -= region.doubled + (count - 1) * (steps * call_seconds + again);
  }
  return gain > 0 && gain < least_share * region.seconds ? 0 : gain;
}

int64_t RegionJudge::most_bands(const RegionCase& region, BandWork::Sharing sharing) const {
  return sharing == BandWork::Sharing::steps ? region.most_shared : region.most_bands;
}

/// From as few bands as are good on; more of them gain less, or take less memory.
void RegionJudge::add_ways(const RegionCase& region, BandWork::Sharing sharing) {
  constexpr int64_t most_times = 8;
  const int64_t first = bands_for(region, 1, sharing), most = most_bands(region, sharing);
  for (int64_t bands = first; bands <= first * most_times; bands *= 2) {
    Way way{sharing, std::min(bands, most), 0, 0};
    if (way.bands > 1) {
      way.gain = gain_of(region, way), way.bytes = region.beside + scratch_bytes(region, way);
      ways_.push_back(way);
    }
    if (way.bands < bands) break;
  }
}

/// The first of these ways is taken, or the second where threads cannot share rows.
void RegionJudge::add_forced_ways(const RegionCase& region) {
  constexpr double much = 0.1;
  const auto add = [&](BandWork::Sharing sharing) {
    ways_.push_back({sharing, bands_for(region, 5, sharing), region.all + region.meaned, 0});
  };
  if (region.doubled <= much * region.seconds) add(BandWork::Sharing::rows);
  add(BandWork::Sharing::steps);
}

}  // namespace kiln
