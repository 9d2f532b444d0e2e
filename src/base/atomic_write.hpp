#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.hpp"

namespace kiln {

/// What the system does with what was written once it is on the disk.
enum class Written : uint8_t {
  kept,    ///< in memory, so that reading it soon does not need the disk
  let_go,  ///< as far as it is large: nobody is expected to read it soon, and taking fresh memory for it takes time
};

/// Buffered writing to the file that write_file_atomically() is making. What was written begins at once to go to the
/// disk, so that the sync at the end finds little left.
class FileWriter {
 public:
  FileWriter(int descriptor, const std::string& path);
  void write(std::span<const std::byte> bytes, Written written = Written::kept);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void pad_to(uint64_t alignment);  ///< zeros, up to the next multiple
  uint64_t position() const { return flushed_ + buffer_.size(); }
  void flush();

 private:
  void write_through(std::span<const std::byte> bytes);
  void let_go_of_last_chunk();
  int descriptor_;
  const std::string& path_;
  uint64_t flushed_ = 0;
  std::vector<std::byte> buffer_;
  std::array<uint64_t, 8> on_their_way_{};  ///< where the last chunks begin that are to be let go, in a ring
  size_t let_go_ = 0;
};

/// Writes beside `path`, syncs, and renames: whatever happens, `path` is the old file or the whole new one.
/// A link at `path` is followed; something there that is no regular file is an Error. An exception that leaves
/// `content` leaves the old file as it was.
void write_file_atomically(const std::string& path, FunctionRef<void(FileWriter&)> content);
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace kiln
