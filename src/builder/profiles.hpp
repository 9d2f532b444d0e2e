#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kiln/build_options.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// Adds to profiles what a text says of inputs, with ";" between them:
///
///     x=1x3x32x32:1x3x640x640:1x3x4096x4096      the least, the typical and the largest shape
///     x=1x3x640x640                              this one alone
///     x=[1,3,960:1200,..] or x[1,3,960..1200,?]  each dim with its range; "..", "?" and -1 are any, "5.." and "..9"
///     half
///
/// What stands before "=" may be left out where a model has one input only. An input that a profile has already is part
/// of the next one. Fails with invalid_argument, saying what is wrong with the text.
void add_profiles(std::vector<Profile>& profiles, std::string_view text);

/// The same as a text, from which add_profiles() makes them again.
std::string profiles_text(const std::vector<Profile>& profiles);
/// "1x3x32x32:1x3x640x640:1x3x4096x4096"
std::string range_text(const ShapeRange& range);

/// The profiles with names for all inputs, held against the inputs: what they cannot have is refused. An input that has
/// fewer ranges than there are profiles keeps its last one.
std::vector<Profile> checked_profiles(const std::vector<Profile>& profiles, const std::vector<Port>& inputs);

}  // namespace kiln
