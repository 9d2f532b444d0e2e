#include "base/large_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace kiln {

void* allocate_large(size_t bytes) {
  constexpr size_t large_page = size_t{2} << 20;
  const size_t alignment = bytes < large_page ? 64 : large_page;
  if (bytes > SIZE_MAX - 63) return nullptr;
  // Not up to whole large pages, as aligned_alloc would have it: the last of them would be mostly empty.
  void* memory = nullptr;
  if (::posix_memalign(&memory, alignment, (bytes + 63) / 64 * 64) != 0) return nullptr;
  if (alignment == large_page) ::madvise(memory, bytes / large_page * large_page, MADV_HUGEPAGE);
  return memory;
}

}  // namespace kiln
