#pragma once

#include <map>
#include <string>
#include <vector>

#include "builder/typical_shapes.hpp"
#include "kiln/build_options.hpp"

namespace kiln {

/// Shapes for all inputs of a model, by name, that ways are chosen for.
using InputShapes = std::map<std::string, Shape>;

/// What a builder looks for ways for: first what is most common, then smaller and larger.
struct Sizes {
  InputShapes first;                ///< as build_facts() takes them
  std::vector<InputShapes> others;  ///< each other than those before
  std::vector<ShapeLimits> limits;  ///< of the profiles that were given
};

/// The sizes of the profiles. Without any there is one; but a build that is to look at everything (Tune::full) has some
/// about those in common use where the model leaves dims open, and nothing says which shapes it is to be made for.
Sizes sizes_to_build(const EngineDef& engine, const BuildOptions& options);

/// A size between two, which is nearer to the second the larger the share is; by the logarithm of the dims.
InputShapes between(const InputShapes& a, const InputShapes& b, double share);

}  // namespace kiln
