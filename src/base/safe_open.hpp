#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln {

/// A regular file opened for reading. Move-only; closes itself.
class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(int descriptor, uint64_t size, std::string path)
      : descriptor_(descriptor), size_(size), path_(std::move(path)) {}
  OpenFile(OpenFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_), path_(std::move(other.path_)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(size_, other.size_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~OpenFile();

  int descriptor() const { return descriptor_; }
  uint64_t size() const { return size_; }  ///< in bytes, when it was opened
  const std::string& path() const { return path_; }

  /// Reads exactly buffer.size() bytes at `offset`; fewer in the file is an Error.
  void read(uint64_t offset, std::span<std::byte> buffer) const;

 private:
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::string path_;
};

/// Opens a file that the user named: links are followed, but it must be a regular file.
OpenFile open_file(const std::string& path);

enum class BeneathMethod : uint8_t {
  best,  ///< openat2() where the kernel has it, else walk
  walk,  ///< component by component, never following a link
};

/// Opens a file that a model named, which must lie inside `folder` (itself named by the user; "" is the current one).
///
/// Refused, each with its own message: an absolute path, "..", a symbolic link anywhere below `folder`, a file with
/// several hard links, and whatever is no regular file. A pipe or a device is refused without being opened for reading.
OpenFile open_beneath(const std::string& folder, std::string_view relative_path,
                      BeneathMethod method = BeneathMethod::best);

/// The whole of a file that the user named, if it has at most `max_bytes`.
std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes = UINT64_MAX);
std::string read_text_file(const std::string& path, uint64_t max_bytes = UINT64_MAX);

}  // namespace kiln
