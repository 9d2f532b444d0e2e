#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/context.hpp"

namespace kiln {

/// Names of the values that nodes of a graph make, in the order of the nodes.
std::vector<std::string> made_values(const Graph& graph);
/// Those that still exist when the engine runs: the results of its groups, or of all nodes where it has no machine.
std::vector<std::string> inner_results(const EngineDef& engine);

/// The model with these values as outputs beside its own.
ModelDef with_results(const ModelDef& model, const std::vector<std::string>& names);
/// The same for an engine, done by the same steps.
std::shared_ptr<const EngineDef> with_results(const EngineDef& engine, const std::vector<std::string>& names);

/// The engine with one of its machine's ways for inputs of all sizes.
std::shared_ptr<const EngineDef> in_ways(const std::shared_ptr<const EngineDef>& engine, size_t ways);
/// The ways that it does these inputs in.
size_t ways_for(const EngineDef& engine, const std::vector<Feed>& feeds);

/// The reference code of an engine's graph, as it is after all rewriting.
std::shared_ptr<const EngineDef> by_reference(const EngineDef& engine);

/// All outputs; random operators without a seed of their own start from `seed`.
std::vector<Value> run_all(const std::shared_ptr<const EngineDef>& engine, const std::vector<Feed>& feeds,
                           uint64_t seed = 1);

}  // namespace kiln
