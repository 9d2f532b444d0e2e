#include "runtime/schedule_draft.hpp"

#include <algorithm>
#include <map>

#include "graph/captures.hpp"
#include "runtime/structural.hpp"

namespace kiln {
namespace {

class Drafter {
 public:
  Drafter(const Program& program, const Machine& machine, size_t ways, const Facts& facts, int threads, int64_t large)
      : program_(program), machine_(machine), ways_(ways), facts_(facts), threads_(threads), large_(large) {
    draft_.values.resize(facts.size());
    for (ScheduleDraft::ValueSlots& slots : draft_.values) slots.fill(-1);
    for (const Step& step : program.steps) steps_by_node_[step.node_index] = &step;
  }

  ScheduleDraft make() {
    place_inputs();
    for (const MachineStep& step : machine_.ways(ways_)) add_step(step);
    place_outputs();
    return std::move(draft_);
  }

 private:
  using Base = Schedule::Base;

  Slot& slot(int index) { return draft_.slots[static_cast<size_t>(index)]; }
  const Slot& slot(int index) const { return draft_.slots[static_cast<size_t>(index)]; }
  int& slot_of(ValueId id, Format format) {
    return draft_.values[static_cast<size_t>(id)][format == Format::plain ? 0 : 1];
  }
  int new_slot(Slot slot) {
    draft_.slots.push_back(std::move(slot));
    return static_cast<int>(draft_.slots.size()) - 1;
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
    const int compact = copied(plain, draft_.values[static_cast<size_t>(id)][2], Format::plain);
    return format == Format::plain ? compact : copied(compact, slot_of(id, Format::blocked), Format::blocked);
  }

  void add_copy(int from, int to) {
    ScheduledOp op;
    op.inputs = {from}, op.outputs = {to};
    draft_.ops.push_back(std::move(op));
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
    if (step.group.is_sequel) return add_sequel(step);
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
    for (size_t index : nodes) {
      const auto found = steps_by_node_.find(index);
      if (found == steps_by_node_.end()) continue;  // a Constant node
      const Node& node = *found->second->node;
      add_reference(step, {found->second}, values_read(*program_.graph, node), node.outputs);
    }
  }

  void add_sequel(const MachineStep& step) {
    std::vector<const Step*> nodes;
    for (size_t index : step.group.nodes) nodes.push_back(steps_by_node_.at(index));
    add_reference(step, std::move(nodes), step.group.inputs, step.group.outputs);
  }

  /// A group whose results are known before the run needs no step.
  bool preset(const Group& group) {
    for (ValueId id : group.outputs) {
      if (id != no_value && !facts_[static_cast<size_t>(id)].constant.defined()) return false;
    }
    for (ValueId id : group.outputs) {
      if (id != no_value) draft_.presets.emplace_back(id, facts_[static_cast<size_t>(id)].constant);
    }
    return true;
  }

  /// A step for which the builder knew too little: the first tactic that needs no packed weights.
  bool add_late(const MachineStep& step, const Problem& problem) {
    for (const Tactic* tactic : tactics_for(problem.anchor())) {
      if (tactic->packs != 0 || !tactic->declines(problem).empty()) continue;
      for (Formats& formats : tactic->formats(problem)) {
        if (formats != uniform_formats(problem, Format::plain)) continue;
        draft_.late.push_back(step);
        draft_.late.back().tactic = tactic;
        draft_.late.back().tuning = tactic->tunings(problem).front();
        draft_.late.back().formats = std::move(formats);
        return add_work(draft_.late.back(), problem);
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
      Halo& halo = slot(op.inputs[i]).halo;
      halo = larger(halo, step.tactic->halo(problem, i));
    }
    if (const int residual = step.group.residual; residual >= 0 && step.formats.outputs[0] == Format::blocked) {
      draft_.same_halo(op.inputs[static_cast<size_t>(residual)], op.outputs[0]);
    }
    op.problem = std::move(problem);
    draft_.ops.push_back(std::move(op));
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
    if (format == Format::blocked) draft_.same_halo(whole, index);
    return index;
  }

  /// The op that begins to write a slot.
  size_t maker_of(int index) const {
    const auto writes = [&](const ScheduledOp& op) {
      return std::any_of(op.outputs.begin(), op.outputs.end(), [&](int output) {
        while (output >= 0 && output != index) output = slot(output).parent;
        return output == index;
      });
    };
    return static_cast<size_t>(std::find_if(draft_.ops.begin(), draft_.ops.end(), writes) - draft_.ops.begin());
  }

  /// Which parts of a Concat are there long before others, whose place would lie idle meanwhile if it was one with
  /// theirs. That counts where pictures are large.
  std::vector<bool> early_parts(const Node& node, Format format) {
    constexpr size_t long_before = 8;    // ops
    constexpr int64_t part_of_all = 64;  // of the largest tensor, that is worth a copy
    std::vector<bool> early(node.inputs.size(), false);
    int64_t largest = 0;
    for (const Slot& s : draft_.slots) largest = std::max(largest, s.base == Base::none ? plain_bytes(s) : 0);
    if (format != Format::blocked || largest < large_) return early;
    std::vector<std::pair<size_t, int64_t>> made;
    for (const ValueId id : node.inputs) {
      const int part = element_count(spec(id).shape) == 0 ? -1 : find_slot(id, format);
      made.emplace_back(part < 0 ? 0 : maker_of(part), part < 0 ? 0 : plain_bytes(slot(part)));
    }
    for (size_t i = 0; i < made.size(); ++i) {
      int64_t idle = 0;
      for (const auto& [maker, bytes] : made) idle += maker > made[i].first + long_before ? bytes : 0;
      early[i] = idle > largest / part_of_all;
    }
    return early;
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
    const std::vector<bool> early = early_parts(node, format);
    const int whole = new_slot(problem.outputs[0], format);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_empty(i)) continue;
      const int part = find_slot(node.inputs[i], format);
      Slot& s = slot(part);
      // A residual must lie image by image as the output beside it does.
      const bool regular = format == Format::plain || s.shape[0] == 1;
      if (s.base == Base::none && s.parent < 0 && part != whole && regular && !early[i]) {
        s.parent = whole, s.offset = (*places)[i];
        if (format == Format::blocked) draft_.same_halo(whole, part);
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

  /// An op that reads and makes Values.
  void add_reference(const MachineStep& step, std::vector<const Step*> nodes, const std::vector<ValueId>& reads,
                     const std::vector<ValueId>& makes) {
    ScheduledOp op;
    op.machine = &step;
    op.reference = std::move(nodes);
    for (ValueId id : reads) {
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
    for (ValueId id : makes) {
      if (id == no_value) continue;
      op.makes.push_back(id);
      const TensorSpec of = spec(id);
      Slot made;
      made.base = Base::boxed, made.index = id, made.dtype = of.dtype, made.shape = of.shape;
      slot_of(id, Format::plain) = new_slot(std::move(made));
      slot_of(id, Format::blocked) = -1;
    }
    draft_.ops.push_back(std::move(op));
  }

  bool is_graph_input(ValueId id) const {
    const auto& inputs = program_.graph->inputs;
    return std::find(inputs.begin(), inputs.end(), id) != inputs.end();
  }

  // ---- outputs -----------------------------------------------------------------------------------------------

  void place_outputs() {
    draft_.outputs.resize(program_.outputs.size());
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      const ValueSource& source = program_.outputs[i];
      if (source.id == no_value || source.kind != ValueSource::Kind::frame) continue;
      if (is_boxed(source.id) || is_graph_input(source.id) ||
          facts_[static_cast<size_t>(source.id)].constant.defined()) {
        draft_.kept.push_back(source.id);
        continue;
      }
      const int found = find_slot(source.id, Format::plain);
      if (found < 0) continue;
      int root = found;
      int64_t offset = 0;
      for (; slot(root).parent >= 0; root = slot(root).parent) offset += slot(root).offset;
      Slot& memory = slot(root);
      const TensorSpec of{slot(found).dtype, slot(found).shape};
      draft_.outputs[i] = {true, of.dtype, of.shape};
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

  const Program& program_;
  const Machine& machine_;
  const size_t ways_;
  const Facts& facts_;
  const int threads_;
  const int64_t large_;
  ScheduleDraft draft_;
  std::map<size_t, const Step*> steps_by_node_;
};

}  // namespace

void ScheduleDraft::same_halo(int a, int b) {
  if (a < 0 || b < 0) return;
  a = halo_class(a), b = halo_class(b);
  Slot &one = slots[static_cast<size_t>(a)], &other = slots[static_cast<size_t>(b)];
  if (a != b) other.halo_of = a, one.halo = larger(one.halo, other.halo);
}

ScheduleDraft draft_schedule(const Program& program, const Machine& machine, size_t ways, const Facts& facts,
                             int threads, int64_t large) {
  return Drafter(program, machine, ways, facts, threads, large).make();
}

}  // namespace kiln
