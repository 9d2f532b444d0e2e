#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/bands.hpp"
#include "runtime/scheduled_op.hpp"

namespace kiln {

inline int root_of(const std::vector<Slot>& slots, int index) {
  while (slots[static_cast<size_t>(index)].parent >= 0) index = slots[static_cast<size_t>(index)].parent;
  return index;
}
/// Where a slot lies in its root: channel blocks, or bytes of a plain one.
int64_t offset_in_root(const std::vector<Slot>& slots, int index);

/// The slot whose rows an op makes, or of which it takes the means.
inline int rows_slot(const ScheduledOp& op, const RowRule& rule) {
  return rule.mean_output == 0 ? op.inputs[0] : op.outputs[0];
}

/// Ops of a run that go together, before it is known in how many bands. It grows from a first op on.
class RegionPlan {
 public:
  using Rules = std::vector<std::optional<RowRule>>;
  RegionPlan(const std::vector<Slot>& slots, const std::vector<ScheduledOp>& ops, const Rules& rules, size_t begin)
      : slots_(slots), all_(ops), rules_(rules), begin_(begin), end_(begin) {}

  /// Takes the next op in; false where it cannot go together with those before it.
  bool add();
  /// Finds out what rolls and what shares memory, if the region ends here.
  void settle();

  const Bands& bands() const { return bands_; }
  /// The tensors that ops of the region write: the root slot and the number among bands().tensors().
  const std::vector<std::pair<int, int>>& tensors() const { return roots_; }
  /// -1 for one from before the region.
  int tensor_of(int root) const;

 private:
  const Slot& slot(int index) const { return slots_[static_cast<size_t>(index)]; }
  bool is_inside(int root) const;
  std::optional<BandedOp> reads_of(const ScheduledOp& op, const RowRule& rule) const;
  std::vector<int> makers_of(int read) const;
  void follow_makers(BandedOp& op) const;
  int add_tensor(int root, const BandedTensor& tensor);
  int place_of(const ScheduledOp& op) const;
  void settle_residuals();
  bool is_read_once(int tensor) const;
  void share_memory();

  const std::vector<Slot>& slots_;
  const std::vector<ScheduledOp>& all_;
  const Rules& rules_;
  const size_t begin_;
  size_t end_;
  Bands bands_{{}, {}};
  std::vector<std::pair<int, int>> roots_;
  std::vector<int> places_;  ///< of each op: the tensor whose place its output may take, or -1
};

}  // namespace kiln
