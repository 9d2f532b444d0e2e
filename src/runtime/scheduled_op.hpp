#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/schedule.hpp"

namespace kiln {

/// A tensor in memory: a value in one of its formats, or a part of one.
struct Slot {
  Format format = Format::plain;
  Schedule::Base base = Schedule::Base::none;  ///< none: to be placed by the schedule
  int32_t index = 0;
  int64_t address = 0;  ///< of a constant
  DType dtype = DType::undefined;
  Shape shape;
  int parent = -1;            ///< the slot that this one is a part of, or shares its memory with
  int64_t offset = 0;         ///< there: bytes if plain, channel blocks if blocked
  int halo_of = -1;           ///< another slot whose halo must be the same (a union-find tree)
  Halo halo;                  ///< needed by its readers
  BlockedLayout layout;       ///< if blocked
  int64_t row = 0;            ///< if plain: elements from a row to the next, where they lie apart
  int first = -1, last = -1;  ///< ops that write and read it
  int64_t offset_in_arena = 0;
};

/// A step before its addresses are known.
struct ScheduledOp {
  const MachineStep* machine = nullptr;
  std::optional<Problem> problem;    ///< of a tactic
  std::vector<int> inputs, outputs;  ///< slots; -1 for none. A copy has one of each.
  std::vector<const Step*> reference;
  std::vector<std::pair<ValueId, int>> loans;
  std::vector<ValueId> reads, makes;  ///< Values that reference code reads and makes
  std::unique_ptr<Work> region;       ///< all of a region that is done in bands
  int region_parts = 1;
  double seconds = 0;  ///< that a tactic should take on one thread
  bool is_copy() const { return machine == nullptr; }
};

}  // namespace kiln
