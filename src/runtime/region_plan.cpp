#include "runtime/region_plan.hpp"

#include <algorithm>

namespace kiln {

int64_t offset_in_root(const std::vector<Slot>& slots, int index) {
  int64_t offset = 0;
  for (const Slot* s = &slots[static_cast<size_t>(index)]; s->parent >= 0; s = &slots[static_cast<size_t>(s->parent)]) {
    offset += s->offset;
  }
  return offset;
}

int RegionPlan::tensor_of(int root) const {
  for (const auto& [known, tensor] : roots_) {
    if (known == root) return tensor;
  }
  return -1;
}

int RegionPlan::add_tensor(int root, const BandedTensor& tensor) {
  const int index = static_cast<int>(bands_.tensors().size());
  roots_.emplace_back(root, index);
  bands_.tensors().push_back(tensor);
  bands_.tensors().back().memory = index;
  return index;
}

/// Ops of the region that write channels which are read of a tensor.
std::vector<int> RegionPlan::makers_of(int read) const {
  std::vector<int> makers;
  const int root = root_of(slots_, read);
  const int64_t first = offset_in_root(slots_, read), end = first + slot(read).layout.blocks();
  for (size_t i = begin_; i < end_; ++i) {
    const int out = all_[i].outputs[0];
    if (rules_[i]->mean_output == 0 || root_of(slots_, out) != root) continue;
    const int64_t at = offset_in_root(slots_, out);
    if (slot(out).format != Format::blocked || (at < end && first < at + slot(out).layout.blocks())) {
      makers.push_back(static_cast<int>(i - begin_));
    }
  }
  return makers;
}

std::optional<BandedOp> RegionPlan::reads_of(const ScheduledOp& op, const RowRule& rule) const {
  BandedOp made;
  made.rule = rule;
  made.height = slot(rows_slot(op, rule)).shape[2];
  for (size_t k = 0; k < op.inputs.size(); ++k) {
    const int input = op.inputs[k];
    if (input < 0) continue;
    const bool beside = (rule.aligned >> k & 1) != 0, around = k == 0 && (rule.whole & 1) == 0 && !beside;
    if (around) made.in_height = slot(input).shape[2];
    const int tensor = tensor_of(root_of(slots_, input));
    if (tensor < 0) continue;
    // Whoever reads all rows, or means, waits for the whole: there the region ends.
    if ((!beside && !around) || slot(input).format != Format::blocked) return {};
    std::vector<int> makers = makers_of(input);
    if (makers.empty()) return {};
    if (around) {
      made.around = tensor, made.around_makers = std::move(makers);
    } else {
      made.beside.push_back(tensor);
      made.beside_makers.insert(made.beside_makers.end(), makers.begin(), makers.end());
    }
  }
  return made;
}

/// Who reads at its own rows alone lets parts meet where those who make that do.
void RegionPlan::follow_makers(BandedOp& op) const {
  const RowRule& rule = op.rule;
  op.meeting = rule.multiple;
  if (op.around >= 0 && (rule.up != 1 || rule.down != 1 || rule.before != 0 || rule.after != 0)) return;
  for (const std::vector<int>* const makers : {&op.around_makers, &op.beside_makers}) {
    for (const int maker : *makers) {
      const BandedOp& of = bands_.ops()[static_cast<size_t>(maker)];
      if (of.height == op.height && of.meeting % op.meeting == 0) op.meeting = of.meeting;
    }
  }
}

/// The tensor of the region whose place the output of an op may take; -1 for none.
int RegionPlan::place_of(const ScheduledOp& op) const {
  if (!op.problem || op.machine->tactic->in_place == nullptr || op.outputs.size() != 1) return -1;
  const uint32_t mask = op.machine->tactic->in_place(*op.problem);
  const Slot& out = slot(op.outputs[0]);
  if (out.parent >= 0 || out.format != Format::blocked) return -1;
  for (size_t k = 0; k < op.inputs.size() && k < 32; ++k) {
    const int input = op.inputs[k];
    if ((mask >> k & 1) == 0 || input < 0 || slot(input).parent >= 0) continue;
    if (slot(input).last != static_cast<int>(end_) || !(slot(input).layout == out.layout)) continue;
    const auto shares = [&](int other) { return other >= 0 && root_of(slots_, other) == input; };
    if (std::count_if(op.inputs.begin(), op.inputs.end(), shares) == 1) return tensor_of(input);
  }
  return -1;
}

bool RegionPlan::add() {
  const ScheduledOp& op = all_[end_];
  const RowRule& rule = *rules_[end_];
  std::optional<BandedOp> made = reads_of(op, rule);
  if (!made) return false;
  follow_makers(*made);
  places_.push_back(place_of(op));
  if (rule.mean_output >= 0) {
    made->needs_all = true;
    made->tensor = add_tensor(root_of(slots_, op.outputs.back()), {made->height, 0, false});
  }
  if (rule.mean_output != 0) {
    const int root = root_of(slots_, op.outputs[0]), known = tensor_of(root);
    made->first_writer = known < 0;
    made->tensor = known >= 0 ? known : add_tensor(root, {made->height, slot(root).layout.halo.h, false});
  }
  bands_.ops().push_back(std::move(*made));
  ++end_;
  return true;
}

bool RegionPlan::is_inside(int root) const {
  const Slot& s = slot(root);
  return s.base == Schedule::Base::none && s.format == Format::blocked && s.first >= static_cast<int>(begin_) &&
         s.last < static_cast<int>(end_);
}

void RegionPlan::settle() {
  std::vector<BandedTensor>& tensors = bands_.tensors();
  for (const auto& [root, tensor] : roots_) tensors[static_cast<size_t>(tensor)].rolls = is_inside(root);
  for (size_t i = begin_; i < end_; ++i) {
    if (rules_[i]->mean_output < 0) continue;
    const int mean = tensor_of(root_of(slots_, all_[i].outputs.back()));
    tensors[static_cast<size_t>(mean)].rolls = false;
  }
  settle_residuals();
  share_memory();
}

/// A residual and the output beside it either both roll or are both there as a whole, since they lie alike.
void RegionPlan::settle_residuals() {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = begin_; i < end_; ++i) {
      const ScheduledOp& op = all_[i];
      if (!op.problem || op.problem->group->residual < 0) continue;
      const int read = tensor_of(root_of(slots_, op.inputs[static_cast<size_t>(op.problem->group->residual)]));
      BandedTensor* const residual = read < 0 ? nullptr : &bands_.tensors()[static_cast<size_t>(read)];
      BandedTensor& out = bands_.tensors()[static_cast<size_t>(bands_.ops()[i - begin_].tensor)];
      const bool rolls = out.rolls && residual != nullptr && residual->rolls;
      changed = changed || out.rolls != rolls || (residual != nullptr && residual->rolls != rolls);
      out.rolls = rolls;
      if (residual != nullptr) residual->rolls = rolls;
    }
  }
}

/// Another reader may come back to rows that it shares with the band before, when they have been written over.
bool RegionPlan::is_read_once(int tensor) const {
  int64_t readers = 0;
  for (const BandedOp& op : bands_.ops()) {
    readers += (op.around == tensor ? 1 : 0) + std::count(op.beside.begin(), op.beside.end(), tensor);
  }
  return readers == 1;
}

void RegionPlan::share_memory() {
  std::vector<BandedTensor>& tensors = bands_.tensors();
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].memory = static_cast<int>(i);
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] < 0 || !is_read_once(places_[i])) continue;
    BandedTensor& out = tensors[static_cast<size_t>(bands_.ops()[i].tensor)];
    const BandedTensor& in = tensors[static_cast<size_t>(places_[i])];
    if (out.rolls && in.rolls) out.memory = in.memory;
  }
}

}  // namespace kiln
