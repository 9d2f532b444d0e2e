#include "runtime/band_regions.hpp"

#include <algorithm>
#include <limits>

#include "runtime/band_work.hpp"
#include "runtime/region_gain.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

constexpr size_t longest_region = 16;
constexpr double least_price = 3e-11;  ///< seconds that a byte less of the most memory is worth: its first touch
/// Of the time, that it would be worth to need no memory at all, where it is much.
constexpr double time_for_memory = 0.5;
constexpr double much_memory = 32 << 20;  ///< bytes
constexpr double worth_trying = 0.98;     ///< of the most memory, that is to be enough
constexpr int most_looks = 16;

class RegionFinder {
 public:
  RegionFinder(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, const ScheduleOptions& options)
      : slots_(slots),
        ops_(ops),
        threads_(options.most_arena > 0 ? options.threads : 1),
        forced_(options.bands == BandsChoice::on),
        spares_memory_(options.spares_memory),
        most_arena_(options.most_arena),
        rules_(rules_of(ops)),
        judge_(slots, ops, rules_, threads_) {}

  struct Region {
    size_t begin = 0, end = 0;
    RegionJudge::Way way;
  };

  /// The regions that gain most together, where memory has its price: ever less of it is to be enough, until that
  /// costs more time than it can be worth.
  std::vector<Region> find() {
    find_cases();
    if (cases_.empty()) return {};
    const std::vector<int64_t>& used = judge_.used();
    const auto all = static_cast<double>(*std::max_element(used.begin(), used.end()));
    const double price = forced_ ? 0 : price_of_byte(all);
    std::optional<Choice> next = choose(std::numeric_limits<double>::infinity());
    Choice best = *next;
    for (int look = 1; price > 0 && look < most_looks; ++look) {
      next = choose(worth_trying * next->bytes);
      if (!next || next->gain < best.gain - price * best.bytes) break;
      if (next->gain - price * next->bytes > best.gain - price * best.bytes) best = *next;
    }
    return std::move(best.regions);
  }

  /// The op that does a region; `machine` says which nodes it is.
  ScheduledOp op_of(const Region& region, const MachineStep& machine) {
    const RegionPlan plan = plan_of(region.begin, region.end);
    BandWork::Division division{region.way.sharing, threads_, region.way.bands};
    ScheduledOp made = op_of(region, machine, plan, division);
    const int64_t room = most_arena_ == INT64_MAX ? INT64_MAX : most_arena_ - bytes_beside(region, plan);
    const auto is_too_much = [&] {
      return division.parts > 1 && made.region->scratch_floats(division.parts) * 4 > room;
    };
    // With less memory all threads share what one would need alone, or one is alone.
    if (is_too_much() && division.sharing == BandWork::Sharing::rows) {
      division.sharing = BandWork::Sharing::steps, division.bands *= threads_;
      made = op_of(region, machine, plan, division);
    }
    if (is_too_much()) {
      division = {BandWork::Sharing::rows, 1, division.bands};
      made = op_of(region, machine, plan, division);
    }
    return made;
  }

 private:
  /// All runs of ops that may be a region.
  void find_cases() {
    const size_t count = ops_.size();
    first_case_.assign(count + 1, 0);
    may_be_inside_.assign(count, false);
    const std::vector<size_t> next_large = next_large_births();
    for (size_t begin = count; begin-- > 0;) {
      first_case_[begin] = cases_.size();
      if (!rules_[begin] || next_large[begin] >= begin + longest_region) continue;
      int64_t most = 0;
      RegionPlan plan(slots_, ops_, rules_, begin);
      for (size_t end = begin + 1; end <= std::min(count, begin + longest_region) && rules_[end - 1]; ++end) {
        if (!plan.add()) break;
        const int64_t bytes = ends_rolling(begin, end - 1);
        most = std::max(most, bytes);
        const bool may_end = bytes > 0 || (rules_[end - 1]->mean_output == 0 && most > 0);
        if (!may_end || (!forced_ && !judge_.is_large(most))) continue;
        plan.settle();
        if (const std::optional<RegionCase> found = judge_.look(plan, begin, end, forced_)) {
          cases_.push_back(*found);
          std::fill(may_be_inside_.begin() + static_cast<std::ptrdiff_t>(begin),
                    may_be_inside_.begin() + static_cast<std::ptrdiff_t>(end), true);
        }
      }
    }
  }

  /// For each op the next one, itself included, that begins a tensor large enough for a region.
  std::vector<size_t> next_large_births() const {
    constexpr size_t never = std::numeric_limits<size_t>::max() - longest_region;
    std::vector<size_t> next(ops_.size() + 1, never);
    for (const Slot& s : slots_) {
      if (s.parent >= 0 || s.first < 0 || (!forced_ && !judge_.is_large(bytes_of(s)))) continue;
      next[static_cast<size_t>(s.first)] = static_cast<size_t>(s.first);
    }
    for (size_t i = ops_.size(); i-- > 0;) next[i] = std::min(next[i], next[i + 1]);
    return next;
  }

  struct Choice {
    std::vector<Region> regions;
    double gain = 0, bytes = 0;  ///< bytes: in use at most
  };

  /// The regions that gain most where so many bytes are enough, if any do.
  std::optional<Choice> choose(double most) {
    constexpr double never = -std::numeric_limits<double>::infinity();
    const size_t count = ops_.size();
    std::vector<double> best(count + 1, 0);
    std::vector<Region> chosen(count);
    for (size_t begin = count, end_of_cases = 0; begin-- > 0;) {
      best[begin] = used_by(begin) <= most ? best[begin + 1] : never;
      end_of_cases = begin == 0 ? cases_.size() : first_case_[begin - 1];
      for (size_t i = first_case_[begin]; i < end_of_cases; ++i) {
        RegionCase& region = cases_[i];
        for (const RegionJudge::Way& way : judge_.ways(region)) {
          if (way.bytes > most || way.gain + best[region.end] <= best[begin]) continue;
          if (way.sharing == BandWork::Sharing::rows && !divides(region)) continue;
          best[begin] = way.gain + best[region.end], chosen[begin] = {begin, region.end, way};
        }
      }
    }
    if (best[0] == never) return {};
    Choice choice{{}, best[0], 0};
    for (size_t i = 0; i < count; i = std::max(i + 1, chosen[i].end)) {
      choice.bytes = std::max(choice.bytes, chosen[i].end > i ? chosen[i].way.bytes : used_by(i));
      if (chosen[i].end > i) choice.regions.push_back(chosen[i]);
    }
    return choice;
  }

  /// Less waits while that runs which cannot be in a region, when ops are ordered again.
  double used_by(size_t op) const {
    constexpr double waiting_share = 0.1;
    return static_cast<double>(judge_.used()[op]) * (may_be_inside_[op] ? 1 : 1 - waiting_share);
  }

  bool divides(RegionCase& region) const {
    if (!region.divides) region.divides = plan_of(region.begin, region.end).bands().can_divide(threads_);
    return *region.divides;
  }

  RegionPlan plan_of(size_t begin, size_t end) const {
    RegionPlan plan(slots_, ops_, rules_, begin);
    for (size_t i = begin; i < end; ++i) plan.add();
    plan.settle();
    return plan;
  }

  double price_of_byte(double all) {
    if (all < much_memory && !spares_memory_) return least_price;
    double seconds = 0;
    for (size_t i = 0; i < ops_.size(); ++i) seconds += judge_.seconds_of(i) / threads_;
    return std::max(least_price, (spares_memory_ ? 1 : time_for_memory) * seconds / all);
  }

  ScheduledOp op_of(const Region& region, const MachineStep& machine, const RegionPlan& plan,
                    BandWork::Division division) {
    std::vector<BandStep> steps;
    double seconds = 0;
    ScheduledOp made;
    made.machine = &machine;
    made.region_parts = static_cast<int>(division.parts);
    for (size_t i = region.begin; i < region.end; ++i) {
      ScheduledOp& op = ops_[i];
      seconds += judge_.seconds_of(i) / static_cast<double>(division.parts);
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
    division.turns = turns_for(seconds);
    made.region = std::make_unique<BandWork>(plan.bands(), std::move(steps), division);
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
      bytes += bytes_of(s);
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

  RegionPlan::Rules rules_of(const std::vector<ScheduledOp>& ops) const {
    RegionPlan::Rules rules;
    rules.reserve(ops.size());
    for (const ScheduledOp& op : ops) rules.push_back(rule_of(op));
    return rules;
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
      if (ends) most = std::max(most, bytes_of(root));
    }
    return most;
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
  const bool forced_, spares_memory_;
  const int64_t most_arena_;
  const RegionPlan::Rules rules_;
  RegionJudge judge_;
  std::vector<RegionCase> cases_;    ///< of the last op that a region may begin with first
  std::vector<size_t> first_case_;   ///< of each op to begin with
  std::vector<bool> may_be_inside_;  ///< ops of which there is a case
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
