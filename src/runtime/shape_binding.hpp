#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/dim.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

/// Numbers for every dim of a model's inputs. What nobody gives is assumed to be 1.
struct ShapeBinding {
  std::map<std::string, Shape> shapes;  ///< by input; none for an input of unknown rank that nobody gave
  std::map<std::string, int64_t> symbols;
  std::vector<std::string> assumed;  ///< "batch = 1", "dim 2 of 'x' = 1"
};

struct UnboundInput {
  std::string name;
  std::optional<SymShape> shape;
};

/// Chooses the shapes of all inputs so that a symbol means the same number everywhere. `given` holds the shapes of
/// some inputs, and `symbols` the numbers of some symbols. Fails with invalid_argument where a given shape is not one
/// that its input can have, or two of them contradict each other.
ShapeBinding bind_shapes(const std::vector<UnboundInput>& inputs, const std::map<std::string, Shape>& given,
                         const std::map<std::string, int64_t>& symbols);

}  // namespace kiln
