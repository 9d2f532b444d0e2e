#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "graph/type.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

/// A size of a model's inputs, and the ways that do it best.
struct Bucket {
  std::vector<Shape> inputs;  ///< the shape of each; {} for one that is no tensor
  size_t ways = 0;            ///< of a machine
  double seconds = 0;         ///< that a run should take
  bool operator==(const Bucket&) const = default;
};

/// Shapes that somebody said inputs would have: from one to the other, both included. -1 is no limit, and so is a shape
/// of another rank.
struct ShapeLimits {
  std::vector<Shape> least, largest;
  bool operator==(const ShapeLimits&) const = default;
};

/// The bucket whose inputs are nearest in size to those of a run: by the ratio of their elements, and a little by that
/// of each dim. The first of equals; 0 where there is none.
size_t nearest_bucket(std::span<const Bucket> buckets, std::span<const Type> inputs);

/// Whether some of these hold all the inputs. Where nobody said anything, everything is inside.
bool is_inside(std::span<const ShapeLimits> limits, std::span<const Type> inputs);

}  // namespace kiln
