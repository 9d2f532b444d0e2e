#pragma once

#include <bit>

#include "base/rng.hpp"
#include "ops/context.hpp"

namespace kiln::ops {

/// The generator of a random operator: from its attribute "seed", a float, or else from the run.
inline Philox seeded_generator(EvalContext& context) {
  return Philox(context.has_attribute("seed") ? std::bit_cast<uint32_t>(context.attr_float("seed"))
                                              : context.host().next_seed());
}

}  // namespace kiln::ops
