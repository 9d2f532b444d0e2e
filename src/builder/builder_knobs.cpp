#include "builder/builder_knobs.hpp"

#include <array>

namespace kiln {

KnobList builder_knobs() {
  static const std::array<KnobBase*, 2> list{&timing_cache_knob, &session_tune_knob};
  return list;
}

}  // namespace kiln
