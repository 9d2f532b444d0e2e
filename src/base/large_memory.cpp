#include "base/large_memory.hpp"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "base/thread_pool.hpp"

namespace kiln {
namespace {

constexpr size_t large_page = size_t{2} << 20;
constexpr int64_t least_pages = 4;  ///< that a thread is worth waking up for

/// malloc keeps freed memory of up to 32 MB for itself once it has seen such sizes: what is large does not go there.
/// AddressSanitizer watches the borders of malloc's memory alone.
#if defined(__SANITIZE_ADDRESS__)
#define KILN_WATCHED_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KILN_WATCHED_MALLOC
#endif
#endif
#ifdef KILN_WATCHED_MALLOC
constexpr bool maps_large = false;
#else
constexpr bool maps_large = true;
#endif

bool is_mapped(size_t bytes) { return maps_large && bytes >= large_page; }

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t in_pages(size_t bytes) { return (bytes + page_bytes() - 1) / page_bytes() * page_bytes(); }

/// From the beginning of a large page on: more is mapped than is needed, and the rest given back.
void* map_large(size_t bytes) {
  const size_t all = bytes + large_page;
  void* const mapped = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapped);
  const size_t before = (large_page - reinterpret_cast<uintptr_t>(begin) % large_page) % large_page;
  std::byte* const memory = begin + before;
  if (before > 0) ::munmap(begin, before);
  if (all - before > bytes) ::munmap(memory + bytes, all - before - bytes);
  return memory;
}

/// The time that this thread has worked, the system's work for it included, whatever others do meanwhile.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Large pages are the faster ones unless the system has to come by them first, as in a virtual machine whose host took
/// the free memory back: then a first touch takes several times as long as that of small pages, which it has at hand.
/// Those that are at hand come first, so that from the first slow one on all the rest is left to small ones.
void touch_large_pages(std::byte* memory, size_t pages) {
  constexpr auto slow = std::chrono::milliseconds(1);
  for (size_t i = 0; i < pages; ++i, memory += large_page) {
    const std::chrono::nanoseconds begin = thread_time();
    *reinterpret_cast<volatile std::byte*>(memory) = std::byte{0};
    if (thread_time() - begin < slow) continue;
    ::madvise(memory + large_page, (pages - i - 1) * large_page, MADV_NOHUGEPAGE);
    return;
  }
}

void ask_for_large_pages(std::byte* memory, size_t bytes, int threads) {
  // Not up to whole large pages: the last of them would be mostly empty.
  const auto pages = static_cast<int64_t>(bytes / large_page);
  ::madvise(memory, static_cast<size_t>(pages) * large_page, MADV_HUGEPAGE);
  const int64_t parts = std::clamp<int64_t>(pages / least_pages, 1, threads);
  const auto touch = [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = pages * part / parts, last = pages * (part + 1) / parts;
      touch_large_pages(memory + static_cast<size_t>(first) * large_page, static_cast<size_t>(last - first));
    }
  };
  if (parts == 1) return touch(0, 1);
  parallel_for(parts, 1, touch);
}

}  // namespace

void* allocate_large(size_t bytes, int threads) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  void* memory = nullptr;
  if (is_mapped(bytes)) {
    memory = map_large(in_pages(bytes));
  } else if (::posix_memalign(&memory, bytes < large_page ? 64 : large_page, (bytes + 63) / 64 * 64) != 0) {
    return nullptr;
  }
  if (memory != nullptr && bytes >= large_page) {
    ask_for_large_pages(static_cast<std::byte*>(memory), bytes, threads);
  }
  return memory;
}

void free_large(void* memory, size_t bytes) {
  if (memory == nullptr) return;
  if (is_mapped(bytes)) {
    ::munmap(memory, in_pages(bytes));
  } else {
    std::free(memory);
  }
}

void release_tail(void* memory, size_t bytes, size_t kept) {
  const size_t begin = in_pages(kept), end = bytes / page_bytes() * page_bytes();
  if (memory != nullptr && begin < end) ::madvise(static_cast<std::byte*>(memory) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace kiln
