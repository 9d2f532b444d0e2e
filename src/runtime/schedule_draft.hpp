#pragma once

#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "runtime/scheduled_op.hpp"

namespace kiln {

/// A schedule whose tensors have no places yet: its ops, and the slots that they read and write.
struct ScheduleDraft {
  /// Plain, blocked, and plain put together where the first has rows apart; -1 where there is none.
  using ValueSlots = std::array<int, 3>;
  std::vector<ValueSlots> values;
  std::vector<Slot> slots;
  std::vector<ScheduledOp> ops;
  std::deque<MachineStep> late;
  std::vector<Schedule::Output> outputs;
  std::vector<ValueId> kept;  ///< Values that are outputs of the model
  std::vector<std::pair<ValueId, Tensor>> presets;

  /// The slot that says what halo a slot and those like it have.
  int halo_class(int index) const {
    while (slots[static_cast<size_t>(index)].halo_of >= 0) index = slots[static_cast<size_t>(index)].halo_of;
    return index;
  }
  void same_halo(int a, int b);
};

/// Which ops do the steps of a machine for these facts, in what formats, with which copies between. `ways` are those of
/// the machine that are taken. Where tensors have so many bytes, copies that let others come later are worth it.
ScheduleDraft draft_schedule(const Program& program, const Machine& machine, size_t ways, const Facts& facts,
                             int threads, int64_t large);

}  // namespace kiln
