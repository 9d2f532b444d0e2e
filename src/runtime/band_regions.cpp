#include "runtime/band_regions.hpp"

#include <algorithm>

#include "runtime/band_work.hpp"
#include "runtime/region_gain.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

constexpr size_t longest_region = 16;
constexpr double least_price = 3e-11;  ///< seconds that a byte less at the peak is worth, for its first touch alone
/// Of the time, that half of the memory may cost: a part of it buys the same part of this.
constexpr double time_for_memory = 0.05;
constexpr double near_peak = 0.75;                          ///< of the most memory, that counts as a peak
constexpr int64_t worth_looking_again = int64_t{16} << 20;  ///< bytes
constexpr double worth_keeping = 0.99;                      ///< of the most memory, that it comes down to
constexpr int most_looks = 4;

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
    RegionJudge::Verdict verdict;
    const RegionCase* of = nullptr;
  };

  /// The regions that gain most together. What is in use at the peak has a price; where the most that is in use comes
  /// down, other steps are at the peak as well.
  std::vector<Region> find() {
    find_cases();
    const std::vector<int64_t>& used = judge_.used();
    auto most = static_cast<double>(*std::max_element(used.begin(), used.end()));
    if (cases_.empty()) return {};
    const double price = forced_ ? 0 : price_of_byte(most);
    judge_.set_price(price, near_peak * most);
    std::vector<Region> best = choose();
    most = most_used(best);
    for (int look = 0; !forced_ && look < most_looks && (spares_memory_ || most >= worth_looking_again); ++look) {
      judge_.set_price(price, near_peak * most);
      std::vector<Region> next = choose();
      const double reached = most_used(next);
      if (reached > worth_keeping * most) break;
      most = reached, best = std::move(next);
    }
    return best;
  }

  /// The op that does a region; `machine` says which nodes it is.
  ScheduledOp op_of(const Region& region, const MachineStep& machine) {
    const RegionPlan plan = plan_of(region.begin, region.end);
    BandWork::Division division{region.verdict.sharing, threads_, region.verdict.bands};
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
    for (size_t begin = count; begin-- > 0;) {
      first_case_[begin] = cases_.size();
      if (!rules_[begin]) continue;
      int64_t most = 0;
      RegionPlan plan(slots_, ops_, rules_, begin);
      for (size_t end = begin + 1; end <= std::min(count, begin + longest_region) && rules_[end - 1]; ++end) {
        if (!plan.add()) break;
        const int64_t bytes = ends_rolling(begin, end - 1);
        most = std::max(most, bytes);
        const bool may_end = bytes > 0 || (rules_[end - 1]->mean_output == 0 && most > 0);
        if (!may_end || (!forced_ && !judge_.is_large(most))) continue;
        plan.settle();
        if (const std::optional<RegionCase> found = judge_.look(plan, begin, end)) cases_.push_back(*found);
      }
    }
  }

  std::vector<Region> choose() {
    const size_t count = ops_.size();
    std::vector<double> best(count + 1, 0);
    std::vector<Region> chosen(count);
    for (size_t begin = count, end_of_cases = 0; begin-- > 0;) {
      best[begin] = best[begin + 1];
      end_of_cases = begin == 0 ? cases_.size() : first_case_[begin - 1];
      for (size_t i = first_case_[begin]; i < end_of_cases; ++i) {
        RegionCase& region = cases_[i];
        RegionJudge::Verdict verdict = verdict_on(region);
        const auto is_better = [&] { return verdict.gain > 0 && verdict.gain + best[region.end] > best[begin]; };
        if (!is_better()) continue;
        if (verdict.sharing == BandWork::Sharing::rows && !divides(region)) verdict = verdict_on(region);
        if (!is_better()) continue;
        best[begin] = verdict.gain + best[region.end], chosen[begin] = {begin, region.end, verdict, &region};
      }
    }
    std::vector<Region> regions;
    for (size_t i = 0; i < count;) {
      if (chosen[i].end > i) regions.push_back(chosen[i]);
      i = std::max(i + 1, chosen[i].end);
    }
    return regions;
  }

  RegionJudge::Verdict verdict_on(const RegionCase& region) const {
    if (!forced_) return judge_.judge(region);
    constexpr double much = 0.1;
    const bool rows = region.divides.value_or(true) && region.doubled <= much * region.seconds;
    return judge_.forced(region, rows ? BandWork::Sharing::rows : BandWork::Sharing::steps);
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

  double price_of_byte(double most) {
    if (most < static_cast<double>(worth_looking_again) && !spares_memory_) return least_price;
    double seconds = 0;
    for (size_t i = 0; i < ops_.size(); ++i) seconds += judge_.seconds_of(i) / threads_;
    return std::max(least_price, (spares_memory_ ? 1 : time_for_memory) * seconds / most);
  }

  double most_used(const std::vector<Region>& regions) const {
    std::vector<size_t> first(ops_.size()), last(ops_.size());
    for (size_t i = 0; i < ops_.size(); ++i) first[i] = last[i] = i;
    std::vector<double> change(ops_.size() + 1, 0);
    std::vector<bool> rolls(slots_.size(), false);
    for (const Region& region : regions) {
      for (size_t i = region.begin; i < region.end; ++i) first[i] = region.begin, last[i] = region.end - 1;
      for (const int root : judge_.rolling(*region.of)) rolls[static_cast<size_t>(root)] = true;
      change[region.begin] += region.verdict.scratch;
      change[region.end] -= region.verdict.scratch;
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      const Slot& s = slots_[i];
      if (s.base != Schedule::Base::none || s.parent >= 0 || s.first < 0 || rolls[i]) continue;
      const auto bytes = static_cast<double>(bytes_of(s));
      change[first[static_cast<size_t>(s.first)]] += bytes;
      change[last[static_cast<size_t>(s.last)] + 1] -= bytes;
    }
    double now = 0, most = 0;
    for (const double by : change) most = std::max(most, now += by);
    return most;
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
  std::vector<RegionCase> cases_;   ///< of the last op that a region may begin with first
  std::vector<size_t> first_case_;  ///< of each op to begin with
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
