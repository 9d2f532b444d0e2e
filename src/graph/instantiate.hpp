#pragma once

#include <memory>

#include "graph/graph.hpp"

namespace kiln {

/// The body of a model-local function as this call means it: attribute references are replaced by the call's
/// attributes, by the function's defaults, or left out; so are inputs that the call leaves out. Fails when the call
/// lacks an attribute that it must give.
std::shared_ptr<const Graph> instantiate(const Function& function, const Node& call);

}  // namespace kiln
