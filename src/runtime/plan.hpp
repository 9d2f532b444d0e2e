#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "runtime/engine.hpp"
#include "runtime/schedule.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// An engine made concrete for one set of input types and shapes.
struct Plan {
  std::vector<Type> inputs;          ///< what it is for
  size_t bucket = 0;                 ///< of the engine's machine
  std::vector<Tensor> known;         ///< elements of inputs that it was made for; not defined for those that may vary
  std::optional<Schedule> schedule;  ///< where the engine has a machine
  std::vector<Tensor> constants;     ///< that follow from the shapes; the schedule points at them
  std::map<ValueId, Tensor> for_bodies;  ///< those of them that bodies read
  int64_t bytes = 0;                     ///< that it takes itself
  int64_t output_bytes = 0;              ///< of the model's outputs, as far as their shapes are known
  double seconds = 0;                    ///< that making it took

  int64_t arena_bytes() const { return schedule ? schedule->arena_bytes : 0; }
  /// That a context needs to run it.
  int64_t bytes_needed() const { return bytes + arena_bytes() + output_bytes; }
};

/// The type of a value that is at hand: all dims known.
Type type_of(const Value& value);

/// All that follows from inputs of these types; what breaks a rule goes to the diagnostics.
Facts infer_facts(const EngineDef& engine, std::span<const Type> inputs, Diagnostics& diagnostics,
                  std::span<const Tensor> known = {});

/// Infers everything from these inputs. Fails where an operator's rule cannot hold, naming node and shapes. Steps
/// are shared by so many threads. Where the plan, its arena and its outputs would take more than `most_bytes`, it is
/// one that takes less and may be slower; the least that was found if none takes so little. `known` are elements of
/// inputs that will not vary.
Plan make_plan(const EngineDef& engine, std::span<const Value> inputs, int threads, int64_t most_bytes = INT64_MAX,
               std::vector<Tensor> known = {});
bool fits(const Plan& plan, std::span<const Value> inputs, std::span<const Tensor> known = {});

}  // namespace kiln
