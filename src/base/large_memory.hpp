#pragma once

#include <cstddef>
#include <memory>

namespace kiln {

/// Memory for `bytes`, to be given back by free_large; null where it cannot be had. It begins on a line of the cache.
/// What is large comes straight from the system in large pages, as far as whole ones fit and come quickly, so that its
/// first touch and every later walk through it cost less, and goes straight back to it. Large pages are touched at
/// once, by so many threads of the process's pool.
void* allocate_large(size_t bytes, int threads = 1);
void free_large(void* memory, size_t bytes);
/// Gives the pages behind the first `kept` bytes back to the system. The memory stays there, to be touched anew.
void release_tail(void* memory, size_t bytes, size_t kept);

struct FreeLarge {
  size_t bytes = 0;
  void operator()(void* memory) const { free_large(memory, bytes); }
};
using LargeMemory = std::unique_ptr<std::byte, FreeLarge>;

}  // namespace kiln
