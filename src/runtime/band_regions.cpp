#include "runtime/band_regions.hpp"

#include <algorithm>
#include <map>

#include "base/cpu.hpp"
#include "runtime/band_work.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

// Bytes a second of one thread by where they lie, and what it takes to begin a kernel and to wait for the others.
constexpr double l2_rate = 90e9, l3_rate = 45e9, memory_rate = 14e9;
constexpr double call_seconds = 2.5e-7, barrier_seconds = 5e-7;
constexpr double least_share = 0.02;  ///< of the time that it takes otherwise
constexpr size_t longest_region = 16;

constexpr double near_share = 0.6;  ///< of L2, that what a thread touches in a band may take

double l2_bytes() { return static_cast<double>(cache_sizes().l2); }
int64_t floats_of(const BlockedLayout& l) { return l.blocks() * l.block_stride(); }

class RegionFinder {
 public:
  RegionFinder(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, int threads, BandsChoice choice)
      : slots_(slots), ops_(ops), threads_(threads), forced_(choice == BandsChoice::on) {
    rules_.reserve(ops.size());
    for (const ScheduledOp& op : ops) rules_.push_back(rule_of(op));
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
      for (size_t end = begin + 1; end <= std::min(count, begin + longest_region) && rules_[end - 1]; ++end) {
        const int64_t bytes = ends_rolling(begin, end - 1);
        most = std::max(most, bytes);
        if (bytes == 0 || (!forced_ && excess_seconds(static_cast<double>(most) / threads_, threads_) == 0)) continue;
        const std::optional<Region> region = judge(begin, end, best[begin] - best[end]);
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
    const Plan plan = *plan_of(region.begin, region.end);
    std::vector<BandStep> steps;
    ScheduledOp made;
    made.machine = &machine;
    for (size_t i = region.begin; i < region.end; ++i) {
      ScheduledOp& op = ops_[i];
      BandStep step;
      if (op.is_copy()) {
        step.copied = {slot(op.inputs[0]).dtype, slot(op.inputs[0]).shape};
      } else {
        step.problem = &*op.problem;
        step.tactic = op.machine->tactic, step.tuning = op.machine->tuning, step.packed = op.machine->packed;
      }
      for (const int input : op.inputs) step.inputs.push_back(operand_of(input, plan, made));
      step.output = operand_of(op.outputs[0], plan, made);
      steps.push_back(std::move(step));
    }
    made.region = std::make_unique<BandWork>(plan.bands, std::move(steps), threads_, region.bands);
    return made;
  }

 private:
  /// A region before it is known in how many bands it runs.
  struct Plan {
    Bands bands{{}, {}};
    std::map<int, int> tensors;  ///< by root slot
  };

  const Slot& slot(int index) const { return slots_[static_cast<size_t>(index)]; }
  int root_of(int index) const {
    while (slot(index).parent >= 0) index = slot(index).parent;
    return index;
  }
  /// Where a slot lies in its root: channel blocks, or bytes of a plain one.
  int64_t offset_of(int index) const {
    int64_t offset = 0;
    for (; slot(index).parent >= 0; index = slot(index).parent) offset += slot(index).offset;
    return offset;
  }
  bool is_blocked(int index) const { return slot(index).format == Format::blocked; }

  // ---- which ops ---------------------------------------------------------------------------------------------

  std::optional<RowRule> rule_of(const ScheduledOp& op) const {
    if (!op.reference.empty() || op.outputs.size() != 1 || op.outputs[0] < 0) return {};
    const Slot& out = slot(op.outputs[0]);
    if (out.shape.size() != 4 || out.shape[0] != 1 || out.shape[2] < 2 || out.base == Schedule::Base::boxed) return {};
    std::optional<RowRule> rule;
    if (op.is_copy()) {
      if (!is_blocked(op.inputs[0]) || !is_blocked(op.outputs[0])) return {};
      rule.emplace().aligned = 1;
    } else {
      if (!op.problem || op.machine->tactic->rows == nullptr || op.inputs.size() > 32) return {};
      if (!is_blocked(op.outputs[0]) && out.shape[1] != 1) return {};
      rule = op.machine->tactic->rows(*op.problem, op.machine->tuning);
    }
    if (!rule || (!is_blocked(op.outputs[0]) && rule->aligned != 0)) return {};
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] < 0) continue;
      const Slot& in = slot(op.inputs[i]);
      if ((rule->aligned >> i & 1) != 0) {
        if (!is_blocked(op.inputs[i]) || in.shape.size() != 4 || in.shape[2] != out.shape[2]) return {};
      } else if (i == 0 && (rule->whole & 1) == 0) {
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

  // ---- a region ----------------------------------------------------------------------------------------------

  /// Ops before `op` that write channels which it reads of a tensor.
  std::vector<int> makers_of(int read, size_t begin, size_t op) const {
    std::vector<int> makers;
    const int64_t first = offset_of(read), end = first + slot(read).layout.blocks();
    for (size_t i = begin; i < op; ++i) {
      const int out = ops_[i].outputs[0];
      if (root_of(out) != root_of(read)) continue;
      const int64_t at = offset_of(out);
      if (!is_blocked(out) || (at < end && first < at + slot(out).layout.blocks())) {
        makers.push_back(static_cast<int>(i - begin));
      }
    }
    return makers;
  }

  /// Nothing where the ops cannot go together.
  std::optional<Plan> plan_of(size_t begin, size_t end) const {
    Plan plan;
    std::vector<BandedOp> ops;
    std::vector<BandedTensor> tensors;
    for (size_t i = begin; i < end; ++i) {
      BandedOp made;
      made.rule = *rules_[i];
      const ScheduledOp& op = ops_[i];
      made.height = slot(op.outputs[0]).shape[2];
      for (size_t k = 0; k < op.inputs.size(); ++k) {
        if (op.inputs[k] < 0) continue;
        const auto found = plan.tensors.find(root_of(op.inputs[k]));
        const bool beside = (made.rule.aligned >> k & 1) != 0, around = k == 0 && (made.rule.whole & 1) == 0 && !beside;
        if (around) made.in_height = slot(op.inputs[k]).shape[2];
        if (found == plan.tensors.end()) continue;
        if ((!beside && !around) || !is_blocked(op.inputs[k])) return {};
        std::vector<int> makers = makers_of(op.inputs[k], begin, i);
        if (around) {
          made.around = found->second, made.around_makers = std::move(makers);
        } else {
          made.beside.push_back(found->second);
          made.beside_makers.insert(made.beside_makers.end(), makers.begin(), makers.end());
        }
      }
      const int root = root_of(op.outputs[0]);
      const auto [at, is_new] = plan.tensors.emplace(root, static_cast<int>(tensors.size()));
      made.tensor = at->second, made.first_writer = is_new;
      if (is_new) {
        const Slot& s = slot(root);
        const bool inside = s.base == Schedule::Base::none && s.format == Format::blocked &&
                            s.first >= static_cast<int>(begin) && s.last < static_cast<int>(end);
        tensors.push_back({made.height, s.layout.halo, inside});
      }
      ops.push_back(std::move(made));
    }
    settle_residuals(begin, plan, ops, tensors);
    plan.bands = Bands(std::move(ops), std::move(tensors));
    return plan;
  }

  /// A residual and the output beside it either both roll or are both there as a whole, since they lie alike.
  void settle_residuals(size_t begin, const Plan& plan, const std::vector<BandedOp>& ops,
                        std::vector<BandedTensor>& tensors) const {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < ops.size(); ++i) {
        const ScheduledOp& op = ops_[begin + i];
        if (!op.problem || op.problem->group->residual < 0) continue;
        const int read = op.inputs[static_cast<size_t>(op.problem->group->residual)];
        const auto found = plan.tensors.find(root_of(read));
        BandedTensor* const residual =
            found == plan.tensors.end() ? nullptr : &tensors[static_cast<size_t>(found->second)];
        BandedTensor& out = tensors[static_cast<size_t>(ops[i].tensor)];
        const bool rolls = out.rolls && residual != nullptr && residual->rolls;
        changed = changed || out.rolls != rolls || (residual != nullptr && residual->rolls != rolls);
        out.rolls = rolls;
        if (residual != nullptr) residual->rolls = rolls;
      }
    }
  }

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

  /// How much of an op's time goes by as its memory does: arithmetic hides the rest.
  double memory_share(size_t index) {
    const ScheduledOp& op = ops_[index];
    if (!op.problem) return 1;
    const double moving = memory_seconds(bytes_moved(*op.problem, op.machine->tactic->packs));
    return std::min(1.0, moving / seconds_of(index));
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
  std::optional<Region> judge(size_t begin, size_t end, double least) {
    const std::optional<Plan> plan = plan_of(begin, end);
    if (!plan || !plan->bands.can_divide(threads_)) return {};
    const std::vector<BandedTensor>& tensors = plan->bands.tensors();
    double all = 0, passing = 0, kept = 0, weights = 0, gain = 0;
    std::vector<double> line(tensors.size(), 0), size(tensors.size(), 0);
    for (const auto& [root, tensor] : plan->tensors) {
      const auto index = static_cast<size_t>(tensor);
      if (!tensors[index].rolls) continue;
      const BlockedLayout& l = slot(root).layout;
      line[index] = static_cast<double>(l.blocks() * l.row_stride() * 4);
      size[index] = static_cast<double>(floats_of(l)) * 4 / threads_;
      all += size[index];
    }
    if (all == 0) return {};
    passing = bytes_passing(begin, end, plan->tensors, tensors);
    int64_t most_bands = 1000000;
    const std::vector<RowSpan> rows = plan->bands.rows_of(threads_ - 1, threads_);  // which has the most
    double seconds = 0;
    for (size_t i = begin; i < end; ++i) {
      const BandedOp& op = plan->bands.ops()[i - begin];
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
    // What a byte still takes more than one of L2.
    const bool near = (all + passing) / static_cast<double>(bands) + kept + weights < near_share * l2_bytes();
    const double left = near ? 0 : 1 / l3_rate - 1 / l2_rate;
    const double count = static_cast<double>(bands), steps = static_cast<double>(end - begin);
    for (size_t i = begin; i < end; ++i) {
      const BandedOp& op = plan->bands.ops()[i - begin];
      const auto saved = [&](int tensor) {
        const double bytes = tensor < 0 ? 0 : size[static_cast<size_t>(tensor)];
        return bytes * std::max(0.0, excess_seconds(bytes, threads_) - left);
      };
      double waiting = saved(op.tensor) + saved(op.around);
      for (const int beside : op.beside) waiting += saved(beside);
      gain += waiting * memory_share(i);
      gain -= lost_place(i, op, tensors);
    }
    if (threads_ > 1) gain += (steps - 1) * barrier_seconds;
    gain -= (count - 1) * (steps * call_seconds + kept * 2 / l2_rate + 0.3 * weights / l3_rate);
    if (forced_) gain = all;
    if (!forced_ && gain < least_share * seconds) return {};
    if (gain <= least) return {};
    return Region{begin, end, bands, gain};
  }

  /// What a thread reads and writes of tensors that are there as a whole.
  double bytes_passing(size_t begin, size_t end, const std::map<int, int>& made,
                       const std::vector<BandedTensor>& tensors) const {
    double bytes = 0;
    for (size_t i = begin; i < end; ++i) {
      const auto add = [&](int index) {
        if (index < 0 || slot(index).shape.size() != 4) return;
        const auto found = made.find(root_of(index));
        if (found != made.end() && tensors[static_cast<size_t>(found->second)].rolls) return;
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
    int64_t bands = 1;
    const double l3 = static_cast<double>(cache_sizes().l3) / threads_;
    for (const double budget : {near_share * l2_bytes(), 0.4 * l3}) {
      const double room = budget - kept - weights;
      if (room < budget / 8) continue;
      bands = static_cast<int64_t>(all / room) + 1;
      break;
    }
    return std::clamp<int64_t>(bands, forced_ ? std::min(least_forced, most) : 1, most);
  }

  // ---- the op of a region ------------------------------------------------------------------------------------

  BandOperand operand_of(int index, const Plan& plan, ScheduledOp& region) const {
    BandOperand operand;
    if (index < 0) return operand;
    const Slot& s = slot(index);
    const int root = root_of(index);
    operand.layout = {s.format, s.layout, s.row};
    operand.offset = offset_of(index);
    if (s.format == Format::plain && s.shape.size() == 4) {
      operand.row_bytes = s.shape[3] * static_cast<int64_t>(dtype_size(s.dtype));
      operand.layout.plane = s.shape[2] * s.shape[3];
    }
    const auto found = plan.tensors.find(root);
    if (found != plan.tensors.end() && plan.bands.tensors()[static_cast<size_t>(found->second)].rolls) {
      operand.kind = BandOperand::Kind::rolling, operand.index = found->second;
      return operand;
    }
    const bool is_output = found != plan.tensors.end();
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
  std::vector<std::optional<RowRule>> rules_;
};

}  // namespace

void form_band_regions(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, std::deque<MachineStep>& late,
                       int threads, BandsChoice choice) {
  if (choice == BandsChoice::off) return;
  RegionFinder finder(slots, ops, threads, choice);
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
