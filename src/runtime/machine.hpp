#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/buckets.hpp"
#include "runtime/program.hpp"
#include "runtime/shape_inference.hpp"
#include "tactics/tactic.hpp"

namespace kiln {

/// A group of nodes with the tactic that was chosen to do it.
struct MachineStep {
  Group group;
  const Tactic* tactic = nullptr;  ///< null: the reference code of the nodes, one after the other
  bool by_reference = false;       ///< never kept: no tactic is found for it later, and nothing shares memory
  Tuning tuning;
  Formats formats;
  const float* packed = nullptr;  ///< what the tactic packed
  int64_t packed_floats = 0;
  double seconds = 0;  ///< what it was expected, or measured, to take
  bool measured = false;
};

class EngineDef;

/// A subgraph of a node, or the nodes of a sequel, as an engine of its own. What it takes from the graph around it are
/// inputs behind its own, or constants where they are.
struct Body {
  size_t node = 0;                ///< of the graph around it; the first of a sequel
  std::optional<size_t> which;    ///< of the node's subgraphs; none: a sequel
  std::vector<ValueId> captured;  ///< values of the graph around it, one for each input behind the body's own
  /// Of a sequel, by captured value: shapes that are there before it runs decide its elements. Its plans take them as
  /// constants.
  std::vector<bool> follows_shapes;
  std::shared_ptr<const EngineDef> engine;
};

/// How the main graph of an engine is done on one kind of machine: every node in exactly one step, in an order in
/// which every value is made before it is read.
struct Machine {
  Isa isa = Isa::portable;
  std::vector<MachineStep> steps;
  /// Other ways to do the same groups in the same order, for inputs of other sizes.
  std::vector<std::vector<MachineStep>> others;
  std::vector<Bucket> buckets;                       ///< which sizes are done in which ways; none: `steps` does all
  std::vector<ShapeLimits> profiles;                 ///< shapes that the builder was told to expect
  std::vector<Body> bodies;                          ///< by node: subgraphs and sequels that are done in this way too
  std::vector<std::shared_ptr<const void>> keepers;  ///< of the packed weights

  /// Of a bucket: number 0 is `steps`.
  const std::vector<MachineStep>& ways(size_t number) const { return number == 0 ? steps : others[number - 1]; }
  /// Of weights as the kernels want them, those of bodies included; those that several ways share count once.
  int64_t packed_bytes() const;
};

/// The operators of a group, for people: "Conv+Relu", or "a sequel of 12 nodes".
std::string ops_of(const Graph& graph, const Group& group);

/// Who does a step, for people: a tactic, "reference code" or "an engine of its own".
std::string done_by(const MachineStep& step);

/// A machine that does everything in some of another one's ways.
Machine machine_of_ways(const Machine& machine, size_t ways);

/// What is known of a value before a run, as a tactic sees it; not given where a dim or the type is not known.
TensorSpec spec_of(const Program& program, const Facts& facts, ValueId id);
/// The constant behind a value: an initialiser that no caller can replace, or what inference computed; null if none.
const Tensor* constant_value(const Program& program, const Facts& facts, ValueId id);

/// The problem that a group is for these facts; nothing where a shape is not known.
std::optional<Problem> make_problem(const Program& program, const Facts& facts, const Group& group, Isa isa,
                                    int threads);

/// A node whose result is its input under another shape.
bool is_view(const Node& node);

}  // namespace kiln
