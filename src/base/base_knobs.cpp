#include "base/base_knobs.hpp"

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"

namespace kiln {

KnobList base_knobs() {
  static KnobBase* const knobs[] = {&isa_knob, &threads_knob, &spin_microseconds_knob};
  return knobs;
}

}  // namespace kiln
