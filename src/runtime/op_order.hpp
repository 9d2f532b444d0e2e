#pragma once

#include <vector>

#include "runtime/scheduled_op.hpp"

namespace kiln {

/// Puts ops in an order in which less memory is needed at a time, where tensors are large: each op before those that
/// wait for it, what makes tensors smaller soon, what makes them larger late. That also brings together what bands may
/// do together. The slots must have their layouts. Tensors of less than `large` bytes are not worth an order.
void order_ops(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, int64_t large);

/// An order in which less is in use at the peak, as what only waits there for steps that make little of it lets these
/// go first; none where there is none. Each op needs so many bytes of scratch memory.
std::vector<size_t> lower_peak(const std::vector<Slot>& slots, const std::vector<ScheduledOp>& ops,
                               const std::vector<int64_t>& scratch, int64_t large);

}  // namespace kiln
