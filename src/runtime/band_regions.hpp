#pragma once

#include <deque>
#include <vector>

#include "runtime/runtime_knobs.hpp"
#include "runtime/scheduled_op.hpp"

namespace kiln {

/// Replaces runs of ops that are local in space by one op each, where that should be faster or `choice` asks
/// for it. The slots must have their layouts, and the ops that touch them first and last. Where all threads together
/// would need more than options.most_arena, one of them does a region alone.
void form_band_regions(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, std::deque<MachineStep>& late,
                       const ScheduleOptions& options);

}  // namespace kiln
