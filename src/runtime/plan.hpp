#pragma once

#include <optional>
#include <span>
#include <vector>

#include "runtime/engine.hpp"
#include "runtime/schedule.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// An engine made concrete for one set of input types and shapes: every fact that follows from them.
struct Plan {
  std::vector<Type> inputs;          ///< what it is for
  Facts facts;                       ///< of the main graph's values
  std::optional<Schedule> schedule;  ///< where the engine has a machine
};

/// The type of a value that is at hand: all dims known.
Type type_of(const Value& value);

/// Infers everything from these inputs. Fails where an operator's rule cannot hold, naming node and shapes. Steps
/// are shared by so many threads.
Plan make_plan(const EngineDef& engine, std::span<const Value> inputs, int threads);
bool fits(const Plan& plan, std::span<const Value> inputs);

}  // namespace kiln
