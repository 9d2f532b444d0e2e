#pragma once

#include "graph/graph.hpp"
#include "kiln/kiln.hpp"

namespace kiln {

/// What a public Model holds until a Session takes it over.
struct ModelImpl {
  ModelDef definition;
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;
};

}  // namespace kiln
