#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.hpp"

namespace kiln {

/// Buffered writing to the file that write_file_atomically() is making.
class FileWriter {
 public:
  FileWriter(int descriptor, const std::string& path);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void pad_to(uint64_t alignment);  ///< zeros, up to the next multiple
  uint64_t position() const { return flushed_ + buffer_.size(); }
  void flush();

 private:
  void write_through(std::span<const std::byte> bytes);
  int descriptor_;
  const std::string& path_;
  uint64_t flushed_ = 0;
  std::vector<std::byte> buffer_;
};

/// Writes beside `path`, syncs, and renames: whatever happens, `path` is the old file or the whole new one.
/// A link at `path` is followed; something there that is no regular file is an Error. An exception that leaves
/// `content` leaves the old file as it was.
void write_file_atomically(const std::string& path, FunctionRef<void(FileWriter&)> content);
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace kiln
