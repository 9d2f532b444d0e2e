#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/safe_open.hpp"

namespace kiln {

enum class Advice : uint8_t {
  normal,
  sequential,
  random,
  will_need,
  dont_need,
  large_pages,  ///< all of it will be touched
  small_pages,  ///< what is touched comes into memory by itself, without the megabytes around it
};

/// A file's bytes as read-only memory, shared with whoever else maps it. Move-only.
///
/// The file must not be shortened while it is mapped: touching what was cut off kills the process.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const OpenFile& file);
  /// Only [offset, offset + length), which must lie within the file; offset needs no alignment.
  MappedFile(const OpenFile& file, uint64_t offset, uint64_t length);
  MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> data() const { return data_; }
  size_t size() const { return data_.size(); }
  /// A hint for the kernel about a part of data(); it never fails.
  void advise(Advice advice, size_t offset = 0, size_t length = SIZE_MAX) const;

 private:
  void* base_ = nullptr;
  size_t mapped_ = 0;
  std::span<const std::byte> data_;
};

/// Part of a MappedFile's data: its pages come into the page table at once, instead of by a fault each when they are
/// first touched, and into memory where they are not there yet. A hint, which never fails.
void bring_into_page_table(std::span<const std::byte> mapped);

}  // namespace kiln
