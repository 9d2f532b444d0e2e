#include "runtime/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "runtime/arena.hpp"
#include "runtime/band_regions.hpp"
#include "runtime/copy_work.hpp"
#include "runtime/op_order.hpp"
#include "runtime/runtime_knobs.hpp"
#include "runtime/schedule_draft.hpp"

namespace kiln {
namespace {

constexpr double copy_bytes_per_second = 10e9;
constexpr double touched_bytes_per_second = 2e9;   ///< where pages are touched for the first time
constexpr int64_t large_bytes = int64_t{4} << 20;  ///< less memory is not worth an order of its own
constexpr int64_t very_large = int64_t{32} << 20;  ///< copies are worth it where tensors are as large as that

/// For tests, whose tensors are small, all are large.
int64_t if_forced(int64_t least, int64_t otherwise) { return bands_knob.get() == BandsChoice::on ? least : otherwise; }

/// Gives the tensors of a draft layouts, lifetimes and places.
class Scheduler {
 public:
  Scheduler(ScheduleDraft draft, Isa isa, const ScheduleOptions& options)
      : draft_(std::move(draft)), isa_(isa), options_(options), threads_(options.threads) {}

  Schedule make() {
    settle_halos();
    order_ops(draft_.slots, draft_.ops, if_forced(1, large_bytes));
    settle_lifetimes();
    form_band_regions(draft_.slots, draft_.ops, draft_.late, options_);
    settle_lifetimes();
    if (options_.most_arena == INT64_MAX) {
      prepare();
      order_again();
      share_in_place();
    } else {
      share_in_place();
      prepare();
    }
    return finish();
  }

 private:
  using Base = Schedule::Base;

  Slot& slot(int index) { return draft_.slots[static_cast<size_t>(index)]; }
  const Slot& slot(int index) const { return draft_.slots[static_cast<size_t>(index)]; }
  int64_t plain_bytes(const Slot& s) const {
    return element_count(s.shape) * static_cast<int64_t>(dtype_size(s.dtype));
  }

  // ---- layouts -----------------------------------------------------------------------------------------------

  void settle_halos() {
    // An output that takes the place of its input must be laid out as that is.
    std::vector<int> readers(draft_.slots.size(), 0);
    for (const ScheduledOp& op : draft_.ops) {
      for (int input : op.inputs) {
        if (input >= 0) ++readers[static_cast<size_t>(input)];
      }
    }
    for (const ScheduledOp& op : draft_.ops) {
      for_each_place(op, [&](int input) {
        const bool blocked = slot(input).format == Format::blocked && slot(op.outputs[0]).format == Format::blocked;
        if (blocked && readers[static_cast<size_t>(input)] == 1) draft_.same_halo(input, op.outputs[0]);
      });
    }
    for (size_t i = 0; i < draft_.slots.size(); ++i) {
      Slot& top = slot(draft_.halo_class(static_cast<int>(i)));
      top.halo = larger(top.halo, draft_.slots[i].halo);
    }
    for (size_t i = 0; i < draft_.slots.size(); ++i) {
      if (draft_.slots[i].format != Format::blocked) continue;
      const Halo halo = slot(draft_.halo_class(static_cast<int>(i))).halo;
      draft_.slots[i].layout = blocked_layout(draft_.slots[i].shape, isa_, halo);
    }
    for (Slot& s : draft_.slots) {
      if (s.format != Format::blocked || s.parent < 0) continue;
      const Slot* root = &s;
      while (root->parent >= 0) root = &slot(root->parent);
      s.layout.image_blocks = root->layout.blocks();
    }
  }

  /// The inputs whose place the output of an op may take by its tactic.
  template <class Visit>
  void for_each_place(const ScheduledOp& op, Visit&& visit) {
    if (!op.problem || op.machine->tactic->in_place == nullptr || op.outputs.size() != 1) return;
    const uint32_t mask = op.machine->tactic->in_place(*op.problem);
    for (size_t i = 0; i < op.inputs.size() && i < 32; ++i) {
      if ((mask >> i & 1) != 0 && op.inputs[i] >= 0) visit(op.inputs[i]);
    }
  }

  // ---- lifetimes ---------------------------------------------------------------------------------------------

  int root_of(int index) const {
    while (slot(index).parent >= 0) index = slot(index).parent;
    return index;
  }

  void settle_lifetimes() {
    for (Slot& s : draft_.slots) s.first = s.last = -1;
    for (size_t i = 0; i < draft_.ops.size(); ++i) {
      const auto touch = [&](int index) {
        if (index < 0) return;
        Slot& root = slot(root_of(index));
        if (root.first < 0) root.first = static_cast<int>(i);
        root.last = std::max(root.last, static_cast<int>(i));
      };
      for (int input : draft_.ops[i].inputs) touch(input);
      for (int output : draft_.ops[i].outputs) touch(output);
      for (const auto& loan : draft_.ops[i].loans) touch(loan.second);
    }
  }

  void share_in_place() {
    for (size_t i = 0; i < draft_.ops.size(); ++i) {
      const ScheduledOp& op = draft_.ops[i];
      for_each_place(op, [&](int input) {
        Slot& out = slot(op.outputs[0]);
        Slot& in = slot(input);
        if (out.base != Base::none || out.parent >= 0 || in.base != Base::none || in.parent >= 0) return;
        if (in.last != static_cast<int>(i) || in.format != out.format || in.dtype != out.dtype) return;
        if (in.format == Format::blocked ? !(in.layout == out.layout) : in.shape != out.shape) return;
        const auto shares = [&](int other) { return other >= 0 && root_of(other) == input; };
        if (std::count_if(op.inputs.begin(), op.inputs.end(), shares) != 1) return;
        out.parent = input;
        out.offset = 0;
        in.last = std::max(in.last, out.last);
      });
    }
  }

  // ---- the result --------------------------------------------------------------------------------------------

  int64_t slot_bytes(const Slot& s) const {
    // Vector code may read a little past the end.
    return (s.format == Format::blocked ? s.layout.floats() * 4 : plain_bytes(s)) + 64;
  }

  Schedule::Address address_of(int index) const {
    if (index < 0) return {};
    int64_t offset = 0;
    int root = index;
    for (; slot(root).parent >= 0; root = slot(root).parent) {
      const Slot& s = slot(root);
      offset += s.format == Format::blocked ? s.offset * s.layout.block_stride() * 4 : s.offset;
    }
    const Slot& s = slot(root);
    switch (s.base) {
      case Base::none: return {Base::arena, 0, s.offset_in_arena + offset};
      case Base::constant: return {Base::constant, 0, s.address + s.offset + offset};
      case Base::input: return {Base::input, s.index, s.offset + offset};
      default: return {s.base, s.index, offset};
    }
  }

  TensorLayout layout_of(int index) const {
    if (index < 0) return {};
    return {slot(index).format, slot(index).layout, slot(index).row};
  }

  Schedule::Loan loan_of(ValueId id, int index) const {
    return {id, address_of(index), slot(index).dtype, slot(index).shape};
  }

  /// What is there while each op runs, without its scratch memory.
  std::vector<int64_t> live_bytes() const {
    std::vector<int64_t> bytes(draft_.ops.size() + 1, 0);
    for (const Slot& s : draft_.slots) {
      if (!has_place(s)) continue;
      bytes[static_cast<size_t>(s.first)] += slot_bytes(s);
      bytes[static_cast<size_t>(s.last) + 1] -= slot_bytes(s);
    }
    std::partial_sum(bytes.begin(), bytes.end(), bytes.begin());
    return bytes;
  }

  void prepare() {
    const std::vector<int64_t> live = live_bytes();
    steps_.resize(draft_.ops.size());
    for (size_t i = 0; i < steps_.size(); ++i) {
      steps_[i].machine = draft_.ops[i].machine;
      if (draft_.ops[i].reference.empty()) prepare(draft_.ops[i], options_.most_arena - live[i], steps_[i]);
    }
    if (options_.most_arena == INT64_MAX) level_peaks(live);
  }

  /// Of a large arena only a few steps need all, mostly for their scratch: these do with less, as far as that makes the
  /// arena smaller.
  void level_peaks(const std::vector<int64_t>& live) {
    int64_t level = if_forced(1, very_large);
    std::vector<std::pair<int64_t, size_t>> peaks;  // what a step needs, and the step
    for (size_t i = 0; i < steps_.size(); ++i) {
      const int64_t needed = live[i] + scratch_floats(steps_[i]) * 4;
      if (needed > level) peaks.emplace_back(needed, i);
    }
    std::sort(peaks.rbegin(), peaks.rend());
    for (const auto& [needed, i] : peaks) {
      if (needed <= level) break;
      const Tunings found = draft_.ops[i].problem ? tunings_packed_alike(draft_.ops[i], steps_[i].parts) : Tunings();
      level = std::max(level, found.empty() ? needed : std::min(needed, live[i] + found.front().scratch_bytes));
    }
    for (const auto& [needed, i] : peaks) {
      if (needed <= level) break;
      Schedule::Step step;
      step.machine = steps_[i].machine;
      prepare(draft_.ops[i], level - live[i], step);
      if (scratch_floats(step) < scratch_floats(steps_[i])) steps_[i] = std::move(step);
    }
  }

  void order_again() {
    std::vector<int64_t> scratch;
    for (const Schedule::Step& step : steps_) scratch.push_back(scratch_floats(step) * 4);
    const std::vector<size_t> order = lower_peak(draft_.slots, draft_.ops, scratch, if_forced(1, large_bytes));
    if (order.empty()) return;
    std::vector<ScheduledOp> ops;
    std::vector<Schedule::Step> steps;
    for (const size_t i : order) {
      ops.push_back(std::move(draft_.ops[i]));
      steps.push_back(std::move(steps_[i]));
    }
    draft_.ops = std::move(ops), steps_ = std::move(steps);
    settle_lifetimes();
  }

  Layouts layouts_of(const ScheduledOp& op) const {
    Layouts layouts;
    for (int input : op.inputs) layouts.inputs.push_back(layout_of(input));
    for (int output : op.outputs) layouts.outputs.push_back(layout_of(output));
    return layouts;
  }

  /// With scratch of at most `room` bytes where there is a way.
  void prepare(ScheduledOp& op, int64_t room, Schedule::Step& step) {
    double seconds = 0;
    bool is_scarce = false;
    if (op.region) {
      step.work = std::move(op.region);
      step.parts = op.region_parts;
      return;
    }
    if (op.is_copy()) {
      const int64_t bytes = plain_bytes(slot(op.inputs[0]));
      const TensorSpec tensor{slot(op.inputs[0]).dtype, slot(op.inputs[0]).shape};
      step.work = copy_work(layout_of(op.inputs[0]), layout_of(op.outputs[0]), tensor);
      step.copied_bytes = bytes;
      seconds = static_cast<double>(bytes) / copy_bytes_per_second;
      step.parts = parts_for(seconds, threads_);
    } else {
      step.work = op.machine->tactic->prepare(*op.problem, layouts_of(op), op.machine->tuning);
      step.packed = op.machine->packed;
      seconds = op.seconds > 0 ? op.seconds : op.machine->tactic->cost(*op.problem, op.machine->tuning);
      step.parts = parts_for(seconds, threads_);
      is_scarce = step.work->scratch_floats(step.parts) * 4 > room;
      if (is_scarce) spare_scratch(op, room, step);
    }
    const double moving = op.problem ? bytes_moved(*op.problem) / touched_bytes_per_second : 0;
    // Between phases a run looks whether it should stop as it does between turns.
    const auto phases = static_cast<double>(std::max<int64_t>(step.work->phases(), 1));
    take_turns(step, std::max(seconds / step.parts, moving) / phases, is_scarce);
  }

  /// Where every part has scratch of its own, one behind the other, the next turn takes that of the last one. Otherwise
  /// more parts need more of it.
  void take_turns(Schedule::Step& step, double seconds, bool is_scarce) const {
    const Work& work = *step.work;
    const int64_t floats = work.scratch_floats(step.parts);
    const int64_t most = is_scarce ? floats : floats + std::max(large_bytes / 4, floats / 2);
    const bool is_own = work.phases() == 1 && work.scratch_floats(2) == 2 * work.scratch_floats(1);
    int64_t turns = is_own ? turns_for(seconds, 0.3) : turns_for(seconds);
    while (turns > 1 && !is_own && work.scratch_floats(step.parts * turns) > most) turns = turns * 3 / 4;
    step.turns = static_cast<int>(turns);
    if (is_own) step.part_bytes = floats / step.parts * 4;
  }

  struct AlikeTuning {
    Tuning tuning;
    int64_t scratch_bytes;
  };
  using Tunings = std::vector<AlikeTuning>;

  /// The tunings for which the same is packed, those with the least scratch first.
  Tunings tunings_packed_alike(const ScheduledOp& op, int parts) const {
    const Tactic& tactic = *op.machine->tactic;
    const Tuning packing = packing_of(tactic, op.machine->tuning);
    const Layouts layouts = layouts_of(op);
    Tunings found;
    for (const Tuning& tuning : tactic.tunings(*op.problem)) {
      if (tactic.packs != 0 && !(packing_of(tactic, tuning) == packing)) continue;
      try {
        found.push_back({tuning, tactic.prepare(*op.problem, layouts, tuning)->scratch_floats(parts) * 4});
      } catch (const Error& error) {
        if (error.code() != ErrorCode::unsupported) throw;
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const AlikeTuning& a, const AlikeTuning& b) { return a.scratch_bytes < b.scratch_bytes; });
    return found;
  }

  /// Takes the cheapest tuning that does with `room`, of equals the one nearest to what was chosen; where none does,
  /// the one with the least scratch and, under a limit, one part.
  void spare_scratch(const ScheduledOp& op, int64_t room, Schedule::Step& step) const {
    const Tactic& tactic = *op.machine->tactic;
    const auto differences = [&](const Tuning& tuning) {
      const auto& chosen = op.machine->tuning.numbers;
      return std::inner_product(chosen.begin(), chosen.end(), tuning.numbers.begin(), 0, std::plus<>(),
                                std::not_equal_to<>());
    };
    const Tunings alike = tunings_packed_alike(op, step.parts);
    const AlikeTuning* best = nullptr;
    std::pair<double, int> least{};
    for (const AlikeTuning& one : alike) {
      if (best != nullptr && one.scratch_bytes > room) break;
      const std::pair price(tactic.cost(*op.problem, one.tuning), differences(one.tuning));
      if (best == nullptr || price < least) best = &one, least = price;
    }
    if (best != nullptr && best->scratch_bytes < step.work->scratch_floats(step.parts) * 4) {
      step.work = tactic.prepare(*op.problem, layouts_of(op), best->tuning);
    }
    const auto bytes = [&](int parts) { return step.work->scratch_floats(parts) * 4; };
    const bool is_limited = options_.most_arena != INT64_MAX;
    if (is_limited && bytes(step.parts) > room && bytes(1) < bytes(step.parts)) step.parts = 1;
  }

  static bool has_place(const Slot& s) { return s.base == Base::none && s.parent < 0 && s.first >= 0; }

  static int64_t scratch_floats(const Schedule::Step& step) {
    if (!step.work) return 0;
    return step.work->scratch_floats(step.part_bytes > 0 ? step.parts : step.parts * step.turns);
  }

  Schedule finish() {
    Schedule schedule;
    schedule.outputs = draft_.outputs;
    schedule.late = std::move(draft_.late);
    schedule.presets = draft_.presets;
    std::vector<ArenaBlock> blocks;
    std::vector<int> owners;  // the slot of a block, or -1 - the step whose scratch it is
    for (size_t i = 0; i < draft_.slots.size(); ++i) {
      const Slot& s = draft_.slots[i];
      if (!has_place(s)) continue;
      blocks.push_back({slot_bytes(s), s.first, s.last});
      owners.push_back(static_cast<int>(i));
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (const int64_t scratch = scratch_floats(steps_[i]); scratch > 0) {
        blocks.push_back({scratch * 4 + 64, static_cast<int>(i), static_cast<int>(i)});
        schedule.scratch_bytes = std::max(schedule.scratch_bytes, blocks.back().bytes);
        owners.push_back(-1 - static_cast<int>(i));
      }
    }
    schedule.steps = std::move(steps_);
    const ArenaPlan plan = plan_arena(blocks);
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (owners[i] >= 0) {
        slot(owners[i]).offset_in_arena = plan.offsets[i];
      } else {
        schedule.steps[static_cast<size_t>(-1 - owners[i])].scratch = plan.offsets[i];
      }
    }
    const std::vector<ValueId> values = values_by_root();
    for (size_t i = 0; i < blocks.size(); ++i) {
      const ValueId value = owners[i] < 0 ? no_value : values[static_cast<size_t>(owners[i])];
      schedule.blocks.push_back(
          {value, owners[i] < 0, plan.offsets[i], blocks[i].bytes, blocks[i].first, blocks[i].last});
    }
    schedule.arena_bytes = plan.bytes, schedule.arena_lower_bound = plan.lower_bound;
    for (size_t i = 0; i < draft_.ops.size(); ++i) address(draft_.ops[i], schedule.steps[i]);
    plan_releases(schedule);
    const auto is_value = [](const Schedule::Output& output) { return !output.is_written; };
    const auto uses = [](const Schedule::Step& step) { return !step.work || !step.boxed.empty(); };
    schedule.uses_values = std::any_of(schedule.outputs.begin(), schedule.outputs.end(), is_value) ||
                           std::any_of(schedule.steps.begin(), schedule.steps.end(), uses);
    return schedule;
  }

  std::vector<ValueId> values_by_root() const {
    std::vector<ValueId> values(draft_.slots.size(), no_value);
    for (size_t id = 0; id < draft_.values.size(); ++id) {
      for (const int index : draft_.values[id]) {
        if (index < 0) continue;
        ValueId& value = values[static_cast<size_t>(root_of(index))];
        if (value == no_value || slot(index).parent < 0) value = static_cast<ValueId>(id);
      }
    }
    return values;
  }

  void address(const ScheduledOp& op, Schedule::Step& step) {
    step.reference = op.reference;
    for (const auto& [id, index] : op.loans) step.loans.push_back(loan_of(id, index));
    if (!op.reference.empty()) return;
    for (int input : op.inputs) {
      step.inputs.push_back(address_of(input));
      const Schedule::Address& a = step.inputs.back();
      if (a.base == Base::boxed) step.boxed.push_back({a.index, a, slot(input).dtype, slot(input).shape});
    }
    for (int output : op.outputs) step.outputs.push_back(address_of(output));
  }

  /// Values die after the last op that reads them; those of fast steps do so by their slots.
  void plan_releases(Schedule& schedule) const {
    std::map<ValueId, size_t> last;
    for (size_t i = 0; i < draft_.ops.size(); ++i) {
      for (ValueId id : draft_.ops[i].reads) last[id] = i;
      for (ValueId id : draft_.ops[i].makes) last[id] = i;
      for (const Schedule::Loan& loan : schedule.steps[i].boxed) last[loan.value] = i;
    }
    for (ValueId id : draft_.kept) last.erase(id);
    for (const auto& [id, index] : last) schedule.steps[index].releases.push_back(id);
  }

  ScheduleDraft draft_;
  std::vector<Schedule::Step> steps_;
  const Isa isa_;
  const ScheduleOptions options_;
  const int threads_;
};

}  // namespace

int parts_for(double seconds, int threads) {
  constexpr double seconds_worth_sharing = 4e-6;
  return seconds > seconds_worth_sharing ? threads : 1;
}

int64_t turns_for(double seconds, double share_of_turn) {
  constexpr double most_turns = 4096;
  const double between = share_of_turn * 1e-6 * static_cast<double>(turn_us.get());
  return static_cast<int64_t>(std::clamp(std::ceil(seconds / between), 1.0, most_turns));
}

Schedule make_schedule(const Program& program, const Machine& machine, const Facts& facts,
                       const ScheduleOptions& options) {
  const int64_t large = if_forced(1, very_large);
  ScheduleDraft draft = draft_schedule(program, machine, options.ways, facts, options.threads, large);
  return Scheduler(std::move(draft), machine.isa, options).make();
}

}  // namespace kiln
