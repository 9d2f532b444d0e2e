#include "runtime/schedule.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "base/error.hpp"
#include "graph/captures.hpp"
#include "runtime/arena.hpp"
#include "runtime/band_regions.hpp"
#include "runtime/copy_work.hpp"
#include "runtime/op_order.hpp"
#include "runtime/runtime_knobs.hpp"
#include "runtime/scheduled_op.hpp"
#include "runtime/structural.hpp"

namespace kiln {
namespace {

constexpr double copy_bytes_per_second = 10e9;
constexpr int64_t large_bytes = int64_t{4} << 20;  ///< less memory is not worth an order of its own

class Scheduler {
 public:
  Scheduler(const Program& program, const Machine& machine, const Facts& facts, const ScheduleOptions& options)
      : program_(program),
        machine_(machine),
        facts_(facts),
        options_(options),
        threads_(options.threads),
        values_(facts.size()) {
    for (ValueSlots& slots : values_) slots.fill(-1);
    for (const Step& step : program.steps) steps_by_node_[step.node_index] = &step;
  }

  Schedule make() {
    place_inputs();
    for (const MachineStep& step : machine_.steps) add_step(step);
    place_outputs();
    settle_halos();
    order_ops(slots_, ops_, bands_knob.get() == BandsChoice::on ? 1 : large_bytes);
    settle_lifetimes();
    form_band_regions(slots_, ops_, late_, region_threads(), options_.bands);
    settle_lifetimes();
    share_in_place();
    return finish();
  }

 private:
  using Base = Schedule::Base;

  int region_threads() const { return options_.thrifty ? 1 : threads_; }
  Slot& slot(int index) { return slots_[static_cast<size_t>(index)]; }
  const Slot& slot(int index) const { return slots_[static_cast<size_t>(index)]; }
  int& slot_of(ValueId id, Format format) { return values_[static_cast<size_t>(id)][format == Format::plain ? 0 : 1]; }
  int new_slot(Slot slot) {
    slots_.push_back(std::move(slot));
    return static_cast<int>(slots_.size()) - 1;
  }
  int new_slot(const TensorSpec& spec, Format format) {
    Slot made;
    made.format = format, made.dtype = spec.dtype, made.shape = spec.shape;
    return new_slot(std::move(made));
  }
  TensorSpec spec(ValueId id) const { return spec_of(program_, facts_, id); }
  int64_t plain_bytes(const Slot& s) const {
    return element_count(s.shape) * static_cast<int64_t>(dtype_size(s.dtype));
  }

  // ---- values ------------------------------------------------------------------------------------------------

  void place_inputs() {
    for (size_t i = 0; i < program_.graph->inputs.size(); ++i) {
      const ValueId id = program_.graph->inputs[i];
      if (id == no_value) continue;
      const TensorSpec of = spec(id);
      Slot made;
      made.base = Base::input, made.index = static_cast<int32_t>(i);
      made.dtype = of.dtype, made.shape = of.shape;
      if (!of.is_given() || of.dtype == DType::string) made.base = Base::boxed, made.index = id;
      slot_of(id, Format::plain) = new_slot(std::move(made));
    }
  }

  /// The slot of a value in a format, with a copy from the other format where it is only there. -1 if it is nowhere.
  int find_slot(ValueId id, Format format, bool may_be_strided = false) {
    const int plain = slot_of(id, Format::plain);
    if (plain >= 0 && slot(plain).row != 0 && !may_be_strided) return find_compact(id, plain, format);
    int& wanted = slot_of(id, format);
    if (wanted >= 0) return wanted;
    int& other = slot_of(id, format == Format::plain ? Format::blocked : Format::plain);
    if (other < 0) {
      const Tensor* constant = constant_value(program_, facts_, id);
      if (constant == nullptr) return -1;
      Slot made;
      made.base = Base::constant;
      made.address = static_cast<int64_t>(reinterpret_cast<intptr_t>(constant->raw()));
      made.dtype = constant->dtype(), made.shape = constant->shape();
      slot_of(id, Format::plain) = new_slot(std::move(made));
      return find_slot(id, format);
    }
    return copied(other, wanted, format);
  }

  /// `to`, made as a copy of `from` where it is not there yet.
  int copied(int from, int& to, Format as) {
    if (to < 0) add_copy(from, to = new_slot({slot(from).dtype, slot(from).shape}, as));
    return to;
  }

  /// The same for a value whose rows lie apart.
  int find_compact(ValueId id, int plain, Format format) {
    const int compact = copied(plain, values_[static_cast<size_t>(id)][2], Format::plain);
    return format == Format::plain ? compact : copied(compact, slot_of(id, Format::blocked), Format::blocked);
  }

  void add_copy(int from, int to) {
    ScheduledOp op;
    op.inputs = {from}, op.outputs = {to};
    ops_.push_back(std::move(op));
  }

  bool is_boxed(ValueId id) {
    const int plain = slot_of(id, Format::plain);
    return plain >= 0 && slot(plain).base == Base::boxed;
  }

  // ---- steps -------------------------------------------------------------------------------------------------

  void add_step(const MachineStep& step) {
    if (preset(step.group)) return;
    const Node& anchor = program_.graph->nodes[step.group.nodes.front()];
    if (step.by_reference) return add_references(step);
    if (step.tactic == nullptr && is_view(anchor) && add_view(anchor.inputs[0], anchor.outputs[0])) return;
    if (step.tactic == nullptr && add_shown(anchor)) return;
    std::optional<Problem> problem = make_problem(program_, facts_, step.group, machine_.isa, threads_);
    if (problem && step.tactic != nullptr) {
      if (step.tactic->declines(*problem).empty() && add_work(step, std::move(*problem))) return;
    } else if (problem && step.group.nodes.size() == 1) {
      if (add_joined(step, *problem) || add_parts(step, *problem) || add_late(step, *problem)) return;
    }
    add_references(step);
  }

  void add_references(const MachineStep& step) {
    std::vector<size_t> nodes = step.group.nodes;
    std::sort(nodes.begin(), nodes.end(), [&](size_t a, size_t b) { return steps_by_node_[a] < steps_by_node_[b]; });
    for (size_t index : nodes) add_reference(step, index);
  }

  /// A group whose results are known before the run needs no step.
  bool preset(const Group& group) {
    for (ValueId id : group.outputs) {
      if (id != no_value && !facts_[static_cast<size_t>(id)].constant.defined()) return false;
    }
    for (ValueId id : group.outputs) {
      if (id != no_value) presets_.emplace_back(id, facts_[static_cast<size_t>(id)].constant);
    }
    return true;
  }

  /// A step for which the builder knew too little: the first tactic that needs no packed weights.
  bool add_late(const MachineStep& step, const Problem& problem) {
    for (const Tactic* tactic : tactics_for(problem.anchor())) {
      if (tactic->packs != 0 || !tactic->declines(problem).empty()) continue;
      for (Formats& formats : tactic->formats(problem)) {
        if (formats != uniform_formats(problem, Format::plain)) continue;
        late_.push_back(step);
        late_.back().tactic = tactic;
        late_.back().tuning = tactic->tunings(problem).front();
        late_.back().formats = std::move(formats);
        return add_work(late_.back(), problem);
      }
    }
    return false;
  }

  bool add_work(const MachineStep& step, Problem problem) {
    ScheduledOp op;
    op.machine = &step;
    const uint32_t may_be_strided = step.tactic->strided != nullptr ? step.tactic->strided(problem) : 0;
    for (size_t i = 0; i < step.group.inputs.size(); ++i) {
      const ValueId id = step.group.inputs[i];
      const bool packed = i < 32 && (step.tactic->packs >> i & 1) != 0;
      const bool strided = i < 32 && (may_be_strided >> i & 1) != 0;
      const int found = id == no_value || packed ? -1 : find_slot(id, step.formats.inputs[i], strided);
      if (id != no_value && !packed && found < 0) return false;
      op.inputs.push_back(found);
    }
    for (size_t i = 0; i < step.group.outputs.size(); ++i) {
      const ValueId id = step.group.outputs[i];
      op.outputs.push_back(id == no_value ? -1 : new_slot(problem.outputs[i], step.formats.outputs[i]));
      if (id != no_value) slot_of(id, step.formats.outputs[i]) = op.outputs.back();
    }
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] < 0 || slot(op.inputs[i]).format != Format::blocked || step.tactic->halo == nullptr) continue;
      int64_t& halo = slot(op.inputs[i]).halo;
      halo = std::max(halo, step.tactic->halo(problem, i));
    }
    if (const int residual = step.group.residual; residual >= 0 && step.formats.outputs[0] == Format::blocked) {
      same_halo(op.inputs[static_cast<size_t>(residual)], op.outputs[0]);
    }
    op.problem = std::move(problem);
    ops_.push_back(std::move(op));
    return true;
  }

  bool can_view(ValueId from, ValueId as) {
    const TensorSpec is = spec(from), to = spec(as);
    return to.is_given() && to.dtype != DType::string && !is_boxed(from) && is.is_given() && is.dtype == to.dtype &&
           element_count(is.shape) == element_count(to.shape) && find_slot(from, Format::plain) >= 0;
  }
  bool add_view(ValueId from, ValueId as) {
    if (!can_view(from, as)) return false;
    slot_of(as, Format::plain) = part_of(find_slot(from, Format::plain), spec(as), Format::plain, 0);
    return true;
  }

  /// An If whose branch only shows values.
  bool add_shown(const Node& node) {
    const auto shown = shown_values(program_, facts_, node);
    if (!shown) return false;
    for (size_t i = 0; i < shown->size(); ++i) {
      if (node.outputs[i] != no_value && !can_view((*shown)[i], node.outputs[i])) return false;
    }
    for (size_t i = 0; i < shown->size(); ++i) {
      if (node.outputs[i] != no_value) add_view((*shown)[i], node.outputs[i]);
    }
    return true;
  }

  /// A slot at an offset in another one.
  int part_of(int whole, const TensorSpec& spec, Format format, int64_t offset) {
    Slot made;
    made.format = format, made.dtype = spec.dtype, made.shape = spec.shape;
    const Slot& from = slot(whole);
    if (from.base == Base::input || from.base == Base::constant) {
      made.base = from.base, made.index = from.index, made.address = from.address;
      made.offset = from.offset + offset;
    } else {
      made.parent = whole, made.offset = offset;
    }
    const int index = new_slot(std::move(made));
    if (format == Format::blocked) same_halo(whole, index);
    return index;
  }

  /// Concat whose parts are written where the whole wants them.
  bool add_joined(const MachineStep& step, const Problem& problem) {
    const Node& node = problem.anchor();
    if (node.op_type != "Concat") return false;
    const Format format = step.formats.outputs.empty() ? Format::plain : step.formats.outputs[0];
    const auto places = concat_places(problem, format);
    if (!places) return false;
    const auto is_empty = [&](size_t i) { return element_count(problem.inputs[i].shape) == 0; };
    // All parts must be there before any is moved into the whole.
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!is_empty(i) && find_slot(node.inputs[i], format) < 0) return false;
    }
    const int whole = new_slot(problem.outputs[0], format);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_empty(i)) continue;
      const int part = find_slot(node.inputs[i], format);
      Slot& s = slot(part);
      // A residual must lie image by image as the output beside it does.
      const bool regular = format == Format::plain || s.shape[0] == 1;
      if (s.base == Base::none && s.parent < 0 && part != whole && regular) {
        s.parent = whole, s.offset = (*places)[i];
        if (format == Format::blocked) same_halo(whole, part);
      } else {
        add_copy(part, part_of(whole, problem.inputs[i], format, (*places)[i]));
      }
    }
    slot_of(node.outputs[0], format) = whole;
    return true;
  }

  /// Split whose parts are read where they lie.
  bool add_parts(const MachineStep& step, const Problem& problem) {
    const Node& node = problem.anchor();
    if (node.op_type != "Split" || is_boxed(node.inputs[0])) return false;
    const Format format = step.formats.inputs.empty() ? Format::plain : step.formats.inputs[0];
    const auto places = split_places(problem, format);
    if (!places && format == Format::plain) return add_columns(problem);
    if (!places || (format == Format::blocked && problem.inputs[0].shape[0] != 1)) return false;
    const int whole = find_slot(node.inputs[0], format);
    if (whole < 0) return false;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      slot_of(node.outputs[i], format) = part_of(whole, problem.outputs[i], format, (*places)[i]);
    }
    return true;
  }

  /// Split of rows whose parts are read where they lie, a row apart.
  bool add_columns(const Problem& problem) {
    const Node& node = problem.anchor();
    const auto columns = split_columns(problem);
    const int whole = columns ? find_slot(node.inputs[0], Format::plain, true) : -1;
    if (whole < 0) return false;
    const int64_t row = slot(whole).row != 0 ? slot(whole).row : slot(whole).shape.back();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const auto bytes = static_cast<int64_t>(dtype_size(problem.outputs[i].dtype));
      const int part = part_of(whole, problem.outputs[i], Format::plain, (*columns)[i] * bytes);
      slot(part).row = row;
      slot_of(node.outputs[i], Format::plain) = part;
    }
    return true;
  }

  void add_reference(const MachineStep& step, size_t index) {
    const auto found = steps_by_node_.find(index);
    if (found == steps_by_node_.end()) return;  // a Constant node
    ScheduledOp op;
    op.machine = &step;
    op.reference.push_back(found->second);
    const Node& node = *found->second->node;
    for (ValueId id : values_read(*program_.graph, node)) {
      if (program_.sources[static_cast<size_t>(id)].kind != ValueSource::Kind::frame) continue;
      op.reads.push_back(id);
      if (is_boxed(id) || constant_value(program_, facts_, id) != nullptr) continue;
      const int from = find_slot(id, Format::plain);
      if (from < 0 || slot(from).base == Base::input) {
        // A model's input is a Value from the start; a view of one is not.
        if (from < 0 || is_graph_input(id)) continue;
      }
      op.loans.emplace_back(id, from);
    }
    for (ValueId id : node.outputs) {
      if (id == no_value) continue;
      op.makes.push_back(id);
      const TensorSpec of = spec(id);
      Slot made;
      made.base = Base::boxed, made.index = id, made.dtype = of.dtype, made.shape = of.shape;
      slot_of(id, Format::plain) = new_slot(std::move(made));
      slot_of(id, Format::blocked) = -1;
    }
    ops_.push_back(std::move(op));
  }

  bool is_graph_input(ValueId id) const {
    const auto& inputs = program_.graph->inputs;
    return std::find(inputs.begin(), inputs.end(), id) != inputs.end();
  }

  // ---- outputs -----------------------------------------------------------------------------------------------

  void place_outputs() {
    outputs_.resize(program_.outputs.size());
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      const ValueSource& source = program_.outputs[i];
      if (source.id == no_value || source.kind != ValueSource::Kind::frame) continue;
      if (is_boxed(source.id) || is_graph_input(source.id) ||
          facts_[static_cast<size_t>(source.id)].constant.defined()) {
        kept_.push_back(source.id);
        continue;
      }
      const int found = find_slot(source.id, Format::plain);
      if (found < 0) continue;
      int root = found;
      int64_t offset = 0;
      for (; slot(root).parent >= 0; root = slot(root).parent) offset += slot(root).offset;
      Slot& memory = slot(root);
      const TensorSpec of{slot(found).dtype, slot(found).shape};
      outputs_[i] = {true, of.dtype, of.shape};
      const bool whole = memory.base == Base::none && offset == 0 && memory.format == Format::plain &&
                         plain_bytes(memory) == plain_bytes(slot(found));
      if (whole) {
        memory.base = Base::output, memory.index = static_cast<int32_t>(i);
      } else {
        const int copy = new_slot(of, Format::plain);
        slot(copy).base = Base::output, slot(copy).index = static_cast<int32_t>(i);
        add_copy(found, copy);
      }
    }
  }

  // ---- layouts -----------------------------------------------------------------------------------------------

  int halo_class(int index) {
    while (slot(index).halo_of >= 0) index = slot(index).halo_of;
    return index;
  }
  void same_halo(int a, int b) {
    if (a < 0 || b < 0) return;
    a = halo_class(a), b = halo_class(b);
    if (a != b) slot(b).halo_of = a, slot(a).halo = std::max(slot(a).halo, slot(b).halo);
  }

  void settle_halos() {
    // An output that takes the place of its input must be laid out as that is.
    std::vector<int> readers(slots_.size(), 0);
    for (const ScheduledOp& op : ops_) {
      for (int input : op.inputs) {
        if (input >= 0) ++readers[static_cast<size_t>(input)];
      }
    }
    for (const ScheduledOp& op : ops_) {
      for_each_place(op, [&](int input) {
        const bool blocked = slot(input).format == Format::blocked && slot(op.outputs[0]).format == Format::blocked;
        if (blocked && readers[static_cast<size_t>(input)] == 1) same_halo(input, op.outputs[0]);
      });
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      Slot& top = slot(halo_class(static_cast<int>(i)));
      top.halo = std::max(top.halo, slots_[i].halo);
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].format != Format::blocked) continue;
      const int64_t halo = slot(halo_class(static_cast<int>(i))).halo;
      slots_[i].layout = blocked_layout(slots_[i].shape, machine_.isa, halo);
    }
    for (Slot& s : slots_) {
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
    for (Slot& s : slots_) s.first = s.last = -1;
    for (size_t i = 0; i < ops_.size(); ++i) {
      const auto touch = [&](int index) {
        if (index < 0) return;
        Slot& root = slot(root_of(index));
        if (root.first < 0) root.first = static_cast<int>(i);
        root.last = std::max(root.last, static_cast<int>(i));
      };
      for (int input : ops_[i].inputs) touch(input);
      for (int output : ops_[i].outputs) touch(output);
      for (const auto& loan : ops_[i].loans) touch(loan.second);
    }
  }

  void share_in_place() {
    for (size_t i = 0; i < ops_.size(); ++i) {
      const ScheduledOp& op = ops_[i];
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

  void prepare(ScheduledOp& op, Schedule::Step& step) {
    double seconds = 0;
    if (op.region) {
      step.work = std::move(op.region);
      step.parts = region_threads();
      return;
    }
    if (op.is_copy()) {
      const int64_t bytes = plain_bytes(slot(op.inputs[0]));
      const TensorSpec tensor{slot(op.inputs[0]).dtype, slot(op.inputs[0]).shape};
      step.work = copy_work(layout_of(op.inputs[0]), layout_of(op.outputs[0]), tensor);
      step.copied_bytes = bytes;
      seconds = static_cast<double>(bytes) / copy_bytes_per_second;
    } else {
      Layouts layouts;
      for (int input : op.inputs) layouts.inputs.push_back(layout_of(input));
      for (int output : op.outputs) layouts.outputs.push_back(layout_of(output));
      step.work = op.machine->tactic->prepare(*op.problem, layouts, op.machine->tuning);
      step.packed = op.machine->packed;
      seconds = op.machine->tactic->cost(*op.problem, op.machine->tuning);
      if (options_.thrifty) spare_scratch(op, layouts, step);
    }
    step.parts = parts_for(seconds, threads_);
    if (options_.thrifty && step.work->scratch_floats(1) < step.work->scratch_floats(step.parts)) step.parts = 1;
  }

  /// The tuning that needs the least scratch, of a tactic that packs nothing: what is packed goes with its tuning.
  static void spare_scratch(const ScheduledOp& op, const Layouts& layouts, Schedule::Step& step) {
    const Tactic& tactic = *op.machine->tactic;
    if (tactic.packs != 0 || step.work->scratch_floats(1) == 0) return;
    for (const Tuning& tuning : tactic.tunings(*op.problem)) {
      std::unique_ptr<Work> other = tactic.prepare(*op.problem, layouts, tuning);
      if (other->scratch_floats(1) < step.work->scratch_floats(1)) step.work = std::move(other);
    }
  }

  Schedule finish() {
    Schedule schedule;
    schedule.outputs = outputs_;
    schedule.late = std::move(late_);
    schedule.presets = presets_;
    std::vector<ArenaBlock> blocks;
    std::vector<int> owners;  // the slot of a block, or -1 - the step whose scratch it is
    for (size_t i = 0; i < slots_.size(); ++i) {
      const Slot& s = slots_[i];
      if (s.base != Base::none || s.parent >= 0 || s.first < 0) continue;
      blocks.push_back({slot_bytes(s), s.first, s.last});
      owners.push_back(static_cast<int>(i));
    }
    for (size_t i = 0; i < ops_.size(); ++i) {
      Schedule::Step step;
      step.machine = ops_[i].machine;
      if (ops_[i].reference.empty()) prepare(ops_[i], step);
      if (const int64_t scratch = step.work ? step.work->scratch_floats(step.parts) : 0; scratch > 0) {
        blocks.push_back({scratch * 4 + 64, static_cast<int>(i), static_cast<int>(i)});
        schedule.scratch_bytes = std::max(schedule.scratch_bytes, blocks.back().bytes);
        owners.push_back(-1 - static_cast<int>(i));
      }
      schedule.steps.push_back(std::move(step));
    }
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
    for (size_t i = 0; i < ops_.size(); ++i) address(ops_[i], schedule.steps[i]);
    plan_releases(schedule);
    const auto is_value = [](const Schedule::Output& output) { return !output.is_written; };
    const auto uses = [](const Schedule::Step& step) { return !step.work || !step.boxed.empty(); };
    schedule.uses_values = std::any_of(schedule.outputs.begin(), schedule.outputs.end(), is_value) ||
                           std::any_of(schedule.steps.begin(), schedule.steps.end(), uses);
    return schedule;
  }

  std::vector<ValueId> values_by_root() const {
    std::vector<ValueId> values(slots_.size(), no_value);
    for (size_t id = 0; id < values_.size(); ++id) {
      for (const int index : values_[id]) {
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
    for (size_t i = 0; i < ops_.size(); ++i) {
      for (ValueId id : ops_[i].reads) last[id] = i;
      for (ValueId id : ops_[i].makes) last[id] = i;
      for (const Schedule::Loan& loan : schedule.steps[i].boxed) last[loan.value] = i;
    }
    for (ValueId id : kept_) last.erase(id);
    for (const auto& [id, index] : last) schedule.steps[index].releases.push_back(id);
  }

  const Program& program_;
  const Machine& machine_;
  const Facts& facts_;
  const ScheduleOptions options_;
  const int threads_;
  using ValueSlots = std::array<int, 3>;  ///< plain, blocked, and plain put together where the first has rows apart
  std::vector<ValueSlots> values_;
  std::vector<Slot> slots_;
  std::deque<MachineStep> late_;
  std::vector<ScheduledOp> ops_;
  std::vector<Schedule::Output> outputs_;
  std::vector<ValueId> kept_;  ///< Values that are outputs of the model
  std::vector<std::pair<ValueId, Tensor>> presets_;
  std::map<size_t, const Step*> steps_by_node_;
};

}  // namespace

int parts_for(double seconds, int threads) {
  constexpr double seconds_worth_sharing = 4e-6;
  return seconds > seconds_worth_sharing ? threads : 1;
}

Schedule make_schedule(const Program& program, const Machine& machine, const Facts& facts,
                       const ScheduleOptions& options) {
  return Scheduler(program, machine, facts, options).make();
}

}  // namespace kiln
