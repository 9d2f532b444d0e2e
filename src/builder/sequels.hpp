#pragma once

#include <vector>

#include "builder/typical_shapes.hpp"

namespace kiln {

/// The groups of a program that follow from shapes which data decide, each after those that it reads from. None where
/// they cannot be done by themselves.
std::vector<Group> find_sequels(const Program& program, const Facts& typical);

/// What the builder knows of the elements of a sequel's inputs: Body::follows_shapes.
std::vector<bool> follows_shapes(const BuildFacts& facts, const Group& sequel);

}  // namespace kiln
