#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kiln {

/// The name among `names` that `wanted` is most likely a misspelling of; "" when none is near.
std::string_view nearest_name(std::span<const std::string_view> names, std::string_view wanted);

/// "; is 'Relu' meant?", or "" when no name is near: the end of a message about an unknown name.
std::string suggestion(std::span<const std::string_view> names, std::string_view wanted);

}  // namespace kiln
