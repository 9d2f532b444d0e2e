#include "base/large_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace kiln {

void* allocate_large(size_t bytes) {
  constexpr size_t large_page = size_t{2} << 20;
  const size_t alignment = bytes < large_page ? 64 : large_page;
  if (bytes > SIZE_MAX - alignment) return nullptr;
  // Not up to whole large pages: the last of them would be mostly empty.
  void* const memory = std::aligned_alloc(alignment, (bytes + 63) / 64 * 64);
  if (memory != nullptr && alignment == large_page) ::madvise(memory, bytes / large_page * large_page, MADV_HUGEPAGE);
  return memory;
}

}  // namespace kiln
