#pragma once

#include "graph/graph.hpp"

namespace kiln {

/// A copy that shares no subgraph with the original, so that rewriting one leaves the other as it is. Weights are
/// shared.
ModelDef copy_model(ModelDef model);

}  // namespace kiln
