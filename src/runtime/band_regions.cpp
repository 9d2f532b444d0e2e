#include "runtime/band_regions.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "runtime/band_work.hpp"
#include "runtime/region_plan.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

// Bytes a second of one thread by where they lie, and what it takes to begin a kernel and to wait for the others.
constexpr double l2_rate = 90e9, l3_rate = 45e9, memory_rate = 14e9;
constexpr double call_seconds = 2.5e-7, barrier_seconds = 5e-7;
constexpr double least_share = 0.01;  ///< of the time that it takes otherwise
constexpr size_t longest_region = 24;
constexpr double byte_price = 3e-11;  ///< seconds that a byte less at the peak is worth, for its first touch alone
constexpr double near_peak = 0.75;    ///< of the most memory, that counts as a peak

constexpr double near_share = 0.6;  ///< of L2, that what a thread touches in a band may take

double l2_bytes() { return static_cast<double>(cache_sizes().l2); }
int64_t floats_of(const BlockedLayout& l) { return l.blocks() * l.block_stride(); }

class RegionFinder {
 public:
  RegionFinder(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, const ScheduleOptions& options)
      : slots_(slots),
        ops_(ops),
        threads_(options.most_arena > 0 ? options.threads : 1),
        forced_(options.bands == BandsChoice::on),
        most_arena_(options.most_arena) {
    rules_.reserve(ops.size());
    for (const ScheduledOp& op : ops) rules_.push_back(rule_of(op));
    memory_shares_.assign(ops.size(), -1);
    find_peaks();
  }

  struct Region {
    size_t begin = 0, end = 0;
    int64_t bands = 1;
    double gain = 0;
  };

  /// The regions that gain most together.
  std::vector<Region> find() {
    const size_t count = ops_.size();
    std::vector<double> best(count + 1, 0);
    std::vector<Region> chosen(count);
    for (size_t begin = count; begin-- > 0;) {
      best[begin] = best[begin + 1];
      if (!rules_[begin]) continue;
      int64_t most = 0;
      RegionPlan plan(slots_, ops_, rules_, begin);
      for (size_t end = begin + 1; end <= std::min(count, begin + longest_region) && rules_[end - 1]; ++end) {
        if (!plan.add()) break;
        const int64_t bytes = ends_rolling(begin, end - 1);
        most = std::max(most, bytes);
        const bool may_end = bytes > 0 || (rules_[end - 1]->mean_output == 0 && most > 0);
        if (!may_end || (!forced_ && excess_seconds(static_cast<double>(most) / threads_, threads_) == 0)) continue;
        const std::optional<Region> region = judge(plan, begin, end, best[begin] - best[end]);
        if (region) best[begin] = best[end] + region->gain, chosen[begin] = *region;
      }
    }
    std::vector<Region> regions;
    for (size_t i = 0; i < count;) {
      if (chosen[i].end > i) regions.push_back(chosen[i]);
      i = std::max(i + 1, chosen[i].end);
    }
    return regions;
  }

  /// The op that does a region; `machine` says which nodes it is.
  ScheduledOp op_of(const Region& region, const MachineStep& machine) {
    RegionPlan plan(slots_, ops_, rules_, region.begin);
    for (size_t i = region.begin; i < region.end; ++i) plan.add();
    plan.settle();
    ScheduledOp made = op_of(region, machine, plan, threads_);
    const int64_t scratch = made.region->scratch_floats(threads_) * 4;
    if (threads_ > 1 && scratch > most_arena_ - bytes_beside(region, plan)) return op_of(region, machine, plan, 1);
    return made;
  }

 private:
  ScheduledOp op_of(const Region& region, const MachineStep& machine, const RegionPlan& plan, int parts) {
    std::vector<BandStep> steps;
    double seconds = 0;
    ScheduledOp made;
    made.machine = &machine;
    made.region_parts = parts;
    for (size_t i = region.begin; i < region.end; ++i) {
      ScheduledOp& op = ops_[i];
      seconds += seconds_of(i) / parts;
      BandStep step;
      if (op.is_copy()) {
        step.copied = {slot(op.inputs[0]).dtype, slot(op.inputs[0]).shape};
      } else {
        step.problem = &*op.problem;
        step.tactic = op.machine->tactic, step.tuning = op.machine->tuning, step.packed = op.machine->packed;
      }
      for (const int input : op.inputs) step.inputs.push_back(operand_of(input, plan, made));
      step.mean_output = rules_[i]->mean_output;
      if (step.mean_output != 0) step.output = operand_of(op.outputs[0], plan, made);
      if (step.mean_output >= 0) {
        step.mean = operand_of(op.outputs.back(), plan, made);
        step.summed = slot(rows_slot(op, *rules_[i])).layout;
      }
      steps.push_back(std::move(step));
    }
    made.region = std::make_unique<BandWork>(plan.bands(), std::move(steps), parts, region.bands, turns_for(seconds));
    return made;
  }

  /// Of all tensors that the arena holds while a region is done, without those that roll.
  int64_t bytes_beside(const Region& region, const RegionPlan& plan) const {
    int64_t bytes = 0;
    for (size_t i = 0; i < slots_.size(); ++i) {
      const Slot& s = slots_[i];
      if (s.base != Schedule::Base::none || s.parent >= 0 || s.first < 0) continue;
      if (s.first >= static_cast<int>(region.end) || s.last < static_cast<int>(region.begin)) continue;
      const int tensor = plan.tensor_of(static_cast<int>(i));
      if (tensor >= 0 && plan.bands().tensors()[static_cast<size_t>(tensor)].rolls) continue;
      const bool is_blocked = s.format == Format::blocked;
      bytes +=
          is_blocked ? floats_of(s.layout) * 4 : element_count(s.shape) * static_cast<int64_t>(dtype_size(s.dtype));
    }
    return bytes;
  }

  const Slot& slot(int index) const { return slots_[static_cast<size_t>(index)]; }
  int root_of(int index) const { return kiln::root_of(slots_, index); }
  bool is_blocked(int index) const { return slot(index).format == Format::blocked; }

  // ---- which ops ---------------------------------------------------------------------------------------------

  /// Only one image whose rows lie as bands take them.
  bool has_rows(int index) const {
    const Slot& s = slot(index);
    return s.shape.size() == 4 && s.shape[0] == 1 && s.shape[2] >= 2 && s.base != Schedule::Base::boxed;
  }

  bool is_mean(int index) const {
    return is_blocked(index) && slot(index).shape.size() == 4 && slot(index).base == Schedule::Base::none &&
           threads_ <= most_parts_with_means;
  }

  std::optional<RowRule> rule_of(const ScheduledOp& op) const {
    if (!op.reference.empty() || op.outputs.empty() || op.outputs[0] < 0) return {};
    RowRule rule;
    if (op.is_copy()) {
      if (!is_blocked(op.inputs[0]) || !is_blocked(op.outputs[0])) return {};
      rule.aligned = 1;
    } else {
      if (!op.problem || op.machine->tactic->rows == nullptr || op.inputs.size() > 32) return {};
      const std::optional<RowRule> found = op.machine->tactic->rows(*op.problem, op.machine->tuning);
      if (!found) return {};
      rule = *found;
    }
    if (op.outputs.size() != (rule.mean_output == 1 ? 2 : 1) || op.outputs.back() < 0) return {};
    if (rule.mean_output >= 0 && !is_mean(op.outputs.back())) return {};
    const int rows = rows_slot(op, rule);
    if (rows < 0 || !has_rows(rows)) return {};
    if (!is_blocked(rows) && (slot(rows).shape[1] != 1 || rule.aligned != 0)) return {};
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] < 0) continue;
      const Slot& in = slot(op.inputs[i]);
      if ((rule.aligned >> i & 1) != 0) {
        if (!is_blocked(op.inputs[i]) || in.shape.size() != 4 || in.shape[2] != slot(rows).shape[2]) return {};
      } else if (i == 0 && (rule.whole & 1) == 0) {
        if (in.shape.size() != 4 || in.shape[0] != 1 || (!is_blocked(op.inputs[i]) && in.row != 0)) return {};
      }
    }
    return rule;
  }

  /// The bytes of the largest tensor whose life begins in [begin, last] and ends with the last op; 0 for none.
  int64_t ends_rolling(size_t begin, size_t last) const {
    int64_t most = 0;
    for (const int input : ops_[last].inputs) {
      if (input < 0) continue;
      const Slot& root = slot(root_of(input));
      const bool ends = root.base == Schedule::Base::none && root.format == Format::blocked &&
                        root.first >= static_cast<int>(begin) && root.last == static_cast<int>(last);
      if (ends) most = std::max(most, floats_of(root.layout) * 4);
    }
    return most;
  }

  // ---- memory ------------------------------------------------------------------------------------------------

  /// At which ops much of the arena is in use, if nothing is done in bands.
  void find_peaks() {
    std::vector<int64_t> used(ops_.size() + 1, 0);
    for (const Slot& s : slots_) {
      if (s.base != Schedule::Base::none || s.parent >= 0 || s.first < 0 || s.format != Format::blocked) continue;
      used[static_cast<size_t>(s.first)] += floats_of(s.layout);
      used[static_cast<size_t>(s.last) + 1] -= floats_of(s.layout);
    }
    int64_t most = 0;
    for (size_t i = 1; i < used.size(); ++i) used[i] += used[i - 1];
    for (const int64_t floats : used) most = std::max(most, floats);
    next_peak_.assign(ops_.size() + 1, static_cast<int>(ops_.size()));
    for (size_t i = ops_.size(); i-- > 0;) {
      const bool is_peak = static_cast<double>(used[i]) >= near_peak * static_cast<double>(most);
      next_peak_[i] = is_peak ? static_cast<int>(i) : next_peak_[i + 1];
    }
  }

  bool is_at_peak(const Slot& root) const { return next_peak_[static_cast<size_t>(root.first)] <= root.last; }

  // ---- what it gains -----------------------------------------------------------------------------------------

  double seconds_of(size_t index) {
    ScheduledOp& op = ops_[index];
    if (op.seconds == 0 && op.problem) op.seconds = op.machine->tactic->cost(*op.problem, op.machine->tuning);
    return op.seconds;
  }

  /// Seconds that a byte of a tensor takes more than one of L2, where each thread writes and reads so many.
  static double excess_seconds(double bytes, int threads) {
    const double l3 = static_cast<double>(cache_sizes().l3) / threads;
    if (bytes < 1.5 * l2_bytes()) return 0;
    return (bytes < l3 / 2 ? 1 / l3_rate : 1 / memory_rate) - 1 / l2_rate;
  }

  double near_bytes() const { return near_share * l2_bytes(); }
  double far_bytes() const { return 0.4 * static_cast<double>(cache_sizes().l3) / threads_; }

  /// Seconds that a byte still takes more than one of L2 where a thread touches so many in each band.
  double seconds_left(double touched) const {
    if (touched < near_bytes()) return 0;
    // Much of what is too large for L3 is still met there.
    return (touched < far_bytes() ? 1 / l3_rate : 0.5 / l3_rate + 0.5 / memory_rate) - 1 / l2_rate;
  }

  /// How much of an op's time goes by as its memory does: arithmetic hides the rest.
  double memory_share(size_t index) {
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
  double lost_place(size_t index, const BandedOp& made, const std::vector<BandedTensor>& tensors) const {
    const ScheduledOp& op = ops_[index];
    if (!op.problem || op.machine->tactic->in_place == nullptr || tensors[static_cast<size_t>(made.tensor)].rolls) {
      return 0;
    }
    const uint32_t places = op.machine->tactic->in_place(*op.problem);
    for (size_t i = 0; i < op.inputs.size() && i < 32; ++i) {
      if ((places >> i & 1) == 0 || op.inputs[i] < 0) continue;
      const Slot& root = slot(root_of(op.inputs[i]));
      if (root.base != Schedule::Base::none || root.last != static_cast<int>(index)) continue;
      const double bytes = static_cast<double>(floats_of(slot(op.outputs[0]).layout)) * 4 / threads_;
      return 2 * bytes * excess_seconds(bytes, threads_);  // it is read before it is written
    }
    return 0;
  }

  /// The region of these ops where it gains more than `least`.
  std::optional<Region> judge(RegionPlan& plan, size_t begin, size_t end, double least) {
    plan.settle();
    const std::vector<BandedTensor>& tensors = plan.bands().tensors();
    double all = 0, passing = 0, kept = 0, weights = 0, meaned = 0, at_peak = 0, gain = 0;
    std::vector<double> line(tensors.size(), 0), size(tensors.size(), 0);
    for (const auto& [root, tensor] : plan.tensors()) {
      const auto index = static_cast<size_t>(tensor);
      if (!tensors[index].rolls) continue;
      const BlockedLayout& l = slot(root).layout;
      line[index] = static_cast<double>(l.blocks() * l.row_stride() * 4);
      size[index] = static_cast<double>(floats_of(l)) * 4 / threads_;
      if (tensors[index].memory == tensor) all += size[index];
      if (is_at_peak(slot(root))) at_peak += size[index] * threads_;
    }
    if (all == 0) return {};
    passing = bytes_passing(begin, end, plan);
    int64_t most_bands = 1000000;
    const std::vector<RowSpan> rows = plan.bands().rows_of(threads_ - 1, threads_);  // which has the most
    double seconds = 0;
    for (size_t i = begin; i < end; ++i) {
      const BandedOp& op = plan.bands().ops()[i - begin];
      if (op.around >= 0) {
        kept += line[static_cast<size_t>(op.around)] *
                static_cast<double>(op.rule.before + op.rule.after + 1 - op.rule.down / op.rule.up);
      }
      if (ops_[i].machine != nullptr) weights += static_cast<double>(ops_[i].machine->packed_floats) * 4;
      if (!tensors[static_cast<size_t>(op.tensor)].rolls) {
        const RowSpan& span = rows[i - begin];
        most_bands = std::min(most_bands, divide_up(span.end - span.first, op.rule.multiple));
      }
      // Rows at the border of two parts are made by both.
      seconds += seconds_of(i) / threads_;
      const double share = static_cast<double>(op.height) / threads_;
      const double more = static_cast<double>(rows[i - begin].end - rows[i - begin].first) - share;
      if (more > 0) gain -= seconds_of(i) / static_cast<double>(op.height) * more;
    }
    const int64_t bands = bands_for(all + passing, kept, weights, std::max<int64_t>(1, most_bands));
    const double left = seconds_left((all + passing) / static_cast<double>(bands) + kept + weights);
    const double count = static_cast<double>(bands), steps = static_cast<double>(end - begin);
    for (size_t i = begin; i < end; ++i) {
      const BandedOp& op = plan.bands().ops()[i - begin];
      const auto saved = [&](int tensor) {
        const double bytes = tensor < 0 ? 0 : size[static_cast<size_t>(tensor)];
        return bytes * std::max(0.0, excess_seconds(bytes, threads_) - left);
      };
      double waiting = saved(op.tensor) + saved(op.around);
      for (const int beside : op.beside) waiting += saved(beside);
      if (rules_[i]->mean_output == 0) {
        const double bytes = static_cast<double>(floats_of(slot(ops_[i].inputs[0]).layout)) * 4 / threads_;
        waiting += bytes * std::max(0.0, excess_seconds(bytes, threads_) - left);
        meaned += bytes;
      }
      gain += waiting * memory_share(i);
      gain -= lost_place(i, op, tensors);
    }
    gain += at_peak * byte_price;
    if (threads_ > 1) gain += (steps - 1) * barrier_seconds;
    gain -= (count - 1) * (steps * call_seconds + kept * 2 / l2_rate + 0.3 * weights / l3_rate);
    if (bands < 2 && !forced_) return {};
    if (forced_) gain = all + meaned;
    if (!forced_ && gain < least_share * seconds) return {};
    if (gain <= least || !plan.bands().can_divide(threads_)) return {};
    return Region{begin, end, bands, gain};
  }

  /// What a thread reads and writes of tensors that are there as a whole.
  double bytes_passing(size_t begin, size_t end, const RegionPlan& plan) const {
    double bytes = 0;
    for (size_t i = begin; i < end; ++i) {
      const auto add = [&](int index) {
        if (index < 0 || slot(index).shape.size() != 4) return;
        const int tensor = plan.tensor_of(root_of(index));
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

  /// As few bands as let what a thread touches in each stay in L2, or else in its share of L3.
  int64_t bands_for(double all, double kept, double weights, int64_t most) const {
    constexpr int64_t least_forced = 5;
    double room = near_bytes() - kept - weights;
    if (room < near_bytes() / 8) room = std::max({far_bytes() - kept - weights, far_bytes() / 8, kept / 2});
    const auto bands = static_cast<int64_t>(all / room) + 1;
    return std::clamp<int64_t>(bands, forced_ ? std::min(least_forced, most) : 1, most);
  }

  // ---- the op of a region ------------------------------------------------------------------------------------

  BandOperand operand_of(int index, const RegionPlan& plan, ScheduledOp& region) const {
    BandOperand operand;
    if (index < 0) return operand;
    const Slot& s = slot(index);
    const int root = root_of(index);
    operand.layout = {s.format, s.layout, s.row};
    operand.offset = offset_in_root(slots_, index);
    if (s.format == Format::plain && s.shape.size() == 4) {
      operand.row_bytes = s.shape[3] * static_cast<int64_t>(dtype_size(s.dtype));
      operand.layout.plane = s.shape[2] * s.shape[3];
    }
    const int tensor = plan.tensor_of(root);
    if (tensor >= 0 && plan.bands().tensors()[static_cast<size_t>(tensor)].rolls) {
      operand.kind = BandOperand::Kind::rolling,
      operand.index = plan.bands().tensors()[static_cast<size_t>(tensor)].memory;
      return operand;
    }
    const bool is_output = tensor >= 0;
    operand.kind = is_output ? BandOperand::Kind::output : BandOperand::Kind::input;
    std::vector<int>& list = is_output ? region.outputs : region.inputs;
    const auto at = std::find(list.begin(), list.end(), root);
    operand.index = static_cast<int>(at - list.begin());
    if (at == list.end()) list.push_back(root);
    return operand;
  }

  const std::vector<Slot>& slots_;
  std::vector<ScheduledOp>& ops_;
  const int threads_;
  const bool forced_;
  const int64_t most_arena_;
  RegionPlan::Rules rules_;
  std::vector<int> next_peak_;         ///< from each op on
  std::vector<double> memory_shares_;  ///< of ops; less than 0 where it is not known yet
};

}  // namespace

void form_band_regions(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, std::deque<MachineStep>& late,
                       const ScheduleOptions& options) {
  if (options.bands == BandsChoice::off) return;
  RegionFinder finder(slots, ops, options);
  const std::vector<RegionFinder::Region> regions = finder.find();
  if (regions.empty()) return;
  std::vector<ScheduledOp> joined;
  size_t next = 0;
  for (const RegionFinder::Region& region : regions) {
    MachineStep& step = late.emplace_back();
    for (size_t i = region.begin; i < region.end; ++i) {
      if (ops[i].machine == nullptr) continue;
      const std::vector<size_t>& nodes = ops[i].machine->group.nodes;
      step.group.nodes.insert(step.group.nodes.end(), nodes.begin(), nodes.end());
    }
    for (; next < region.begin; ++next) joined.push_back(std::move(ops[next]));
    joined.push_back(finder.op_of(region, step));
    next = region.end;
  }
  for (; next < ops.size(); ++next) joined.push_back(std::move(ops[next]));
  ops = std::move(joined);
}

}  // namespace kiln
