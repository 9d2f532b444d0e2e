#include "base/mapped_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/checked.hpp"
#include "base/error.hpp"

namespace kiln {
namespace {

uint64_t page_size() {
  static const auto size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

void advise_pages(std::span<const std::byte> bytes, int advice) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = address / page_size() * page_size();
  ::madvise(reinterpret_cast<void*>(begin), address + bytes.size() - begin, advice);
}

}  // namespace

MappedFile::MappedFile(const OpenFile& file) : MappedFile(file, 0, file.size()) {}

MappedFile::MappedFile(const OpenFile& file, uint64_t offset, uint64_t length) {
  if (offset > file.size() || length > file.size() - offset) {
    fail(ErrorCode::invalid_data, "{}: {} bytes at {} were asked for, but the file has {}", file.path(), length, offset,
         file.size());
  }
  if (length == 0) {
    return;
  }
  const uint64_t lead = offset % page_size();
  mapped_ = checked_cast<size_t>(lead + length, file.path());
  void* base = ::mmap(nullptr, mapped_, PROT_READ, MAP_PRIVATE, file.descriptor(), static_cast<off_t>(offset - lead));
  if (base == MAP_FAILED) {
    fail(errno == ENOMEM ? ErrorCode::out_of_memory : ErrorCode::io, "{}: cannot map {} bytes: {}", file.path(), length,
         std::strerror(errno));
  }
  base_ = base;
  data_ = {static_cast<const std::byte*>(base) + lead, static_cast<size_t>(length)};
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
  return *this;
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) {
    ::munmap(base_, mapped_);
  }
}

void MappedFile::advise(Advice advice, size_t offset, size_t length) const {
  if (offset >= data_.size()) {
    return;
  }
  constexpr int advices[] = {MADV_NORMAL,   MADV_SEQUENTIAL, MADV_RANDOM,    MADV_WILLNEED,
                             MADV_DONTNEED, MADV_HUGEPAGE,   MADV_NOHUGEPAGE};
  advise_pages(data_.subspan(offset, std::min(length, data_.size() - offset)), advices[static_cast<size_t>(advice)]);
}

void bring_into_page_table(std::span<const std::byte> mapped) {
#ifdef MADV_POPULATE_READ
  if (!mapped.empty()) advise_pages(mapped, MADV_POPULATE_READ);
#else
  (void)mapped;
#endif
}

}  // namespace kiln
