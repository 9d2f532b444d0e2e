#pragma once

#include <cstddef>

namespace kiln {

/// Memory for `bytes`, to be given back by std::free; null where it cannot be had. It begins on a line of the cache.
/// What is large comes in large pages, as far as whole ones fit, so that its first touch and every later walk through
/// it cost less.
void* allocate_large(size_t bytes);

}  // namespace kiln
