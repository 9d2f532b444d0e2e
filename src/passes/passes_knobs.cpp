#include "passes/passes_knobs.hpp"

#include <array>

namespace kiln {

KnobList passes_knobs() {
  static const std::array<KnobBase*, 1> list{&optimize_models};
  return list;
}

}  // namespace kiln
