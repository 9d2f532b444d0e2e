#pragma once

#include <map>
#include <string>

#include "runtime/bodies.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// What is known of the values of subgraphs, as inference met them last.
using FactsInside = std::map<const Graph*, Facts>;

/// What a builder knows of the main graph's values.
struct BuildFacts {
  Facts sure;     ///< for any input shapes
  Facts typical;  ///< when the dims that the model leaves open, and those that data decide, have sizes as in common use
  FactsInside sure_inside, typical_inside;
};

/// Typical are the shapes given for inputs by name; else a batch of 1, pictures of 640 x 640 and sequences of 128, or
/// other sizes where the model does not allow these.
BuildFacts build_facts(const EngineDef& engine, const std::map<std::string, Shape>& shapes = {});

/// The same model with inputs of other shapes, which `facts` are from another; subgraphs aside.
BuildFacts facts_at(const EngineDef& engine, const BuildFacts& facts, const std::map<std::string, Shape>& shapes);

/// How many values have no shape that is known before a run with typical inputs, or follows from those that data
/// decide.
size_t unknown_shapes(const Facts& typical);

/// The same for a body of an engine: what is known of the graph around it says it. `graph` is the subgraph as it stands
/// there.
BuildFacts facts_of_body(const BuildFacts& around, const Graph& graph, const TakenValues& taken, const EngineDef& body);

/// The same for a sequel, all of whose values are `taken`.
BuildFacts facts_of_sequel(const BuildFacts& around, const TakenValues& taken, const EngineDef& sequel);

/// The typical shapes of the inputs, as far as they are known.
std::map<std::string, Shape> typical_input_shapes(const EngineDef& engine, const std::map<std::string, Shape>& shapes);

}  // namespace kiln
