#pragma once

#include <span>

#include "runtime/program.hpp"

namespace kiln {

/// Infers a step's outputs from its inputs' own types and fails (internal error) where a result is not what inference
/// said: a fault in one of an operator's two rules.
void verify_step(const Step& step, const OpsetImports& opsets, std::span<const Value* const> inputs,
                 std::span<const Value> outputs);

}  // namespace kiln
