#pragma once

#include <optional>
#include <string_view>

#include "images/image.hpp"

namespace kiln {

/// A chunk of a RIFF file, which WebP's are.
struct RiffChunk {
  std::string_view name;  ///< "VP8 "
  Bytes content;
};

/// Takes the first of some chunks away; none where it is cut short.
std::optional<RiffChunk> take_chunk(Bytes& chunks);

}  // namespace kiln
