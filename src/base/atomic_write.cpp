#include "base/atomic_write.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace kiln {
namespace {

/// Written at multiples of itself, so that the page cache can hold the file in large pages and map them as such.
constexpr size_t chunk_size = size_t{2} << 20;

[[noreturn]] void fail_to_write(const std::string& path, std::string_view what) {
  fail(ErrorCode::io, "{}: cannot {}: {}", path, what, std::strerror(errno));
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

/// A new file in the target's folder, without a name where the file system can do that: nothing is left of it if the
/// program ends before it is done. One with a name is removed again unless it was renamed to the target.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : target_(target) {
    descriptor_ = ::open(folder_of(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      if (::access(open_file().c_str(), F_OK) == 0) return;
      ::close(descriptor_);
    }
    name_by([&](const char* name) {
      descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      return descriptor_ >= 0;
    });
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    if (!path_.empty()) {
      ::unlink(path_.c_str());
    }
  }

  int descriptor() const { return descriptor_; }

  void become_target() {
    if (::fsync(descriptor_) != 0) {
      fail_to_write(target_, "sync");
    }
    if (path_.empty()) {
      name_by([&](const char* name) {
        return ::linkat(AT_FDCWD, open_file().c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
      });
    }
    if (::close(std::exchange(descriptor_, -1)) != 0) {
      fail_to_write(target_, "close");
    }
    if (::rename(path_.c_str(), target_.c_str()) != 0) {
      fail_to_write(target_, "rename the finished file to it");
    }
    path_.clear();
  }

 private:
  /// By which a file without a name can be given one.
  std::string open_file() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  /// Tries names beside the target until one is free.
  template <class Take>
  void name_by(Take&& take) {
    static std::atomic<uint64_t> counter{0};
    for (int attempt = 0;; ++attempt) {
      std::string name = target_ + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
      if (take(name.c_str())) {
        path_ = std::move(name);
        return;
      }
      if (errno != EEXIST || attempt == 1000) {
        fail_to_write(target_, "create a file beside it");
      }
    }
  }

  const std::string target_;
  std::string path_;  ///< empty while it has no name
  int descriptor_ = -1;
};

void sync_folder_of(const std::string& path) {
  const int descriptor = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A folder that may be written but not read, or a file system that cannot sync one, loses nothing but durability.
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

FileWriter::FileWriter(int descriptor, const std::string& path) : descriptor_(descriptor), path_(path) {}

void FileWriter::write(std::span<const std::byte> bytes, Written written) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), chunk_size - buffer_.size()));
    bytes = bytes.subspan(part.size());
    if (part.size() == chunk_size) {
      write_through(part);
      if (written == Written::let_go) let_go_of_last_chunk();
      continue;
    }
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    if (buffer_.size() == chunk_size) flush();
  }
}

void FileWriter::pad_to(uint64_t alignment) {
  uint64_t missing = (alignment - position() % alignment) % alignment;
  static constexpr std::byte zeros[4096]{};
  while (missing > 0) {
    const uint64_t count = std::min<uint64_t>(missing, sizeof zeros);
    write(std::span(zeros, count));
    missing -= count;
  }
}

void FileWriter::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void FileWriter::write_through(std::span<const std::byte> bytes) {
  const uint64_t begin = flushed_, size = bytes.size();
  flushed_ += size;
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      fail_to_write(path_, "write");
    }
    bytes = bytes.subspan(count > 0 ? static_cast<size_t>(count) : 0);
  }
  // A hint; what goes wrong on the way to the disk the sync at the end still tells.
  if (size == chunk_size) {
    ::sync_file_range(descriptor_, static_cast<off_t>(begin), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
  }
}

/// Only what is on the disk already can be let go: it is the chunk some chunks before that goes.
void FileWriter::let_go_of_last_chunk() {
  uint64_t& place = on_their_way_[let_go_ % on_their_way_.size()];
  if (let_go_++ >= on_their_way_.size()) {
    ::posix_fadvise(descriptor_, static_cast<off_t>(place), chunk_size, POSIX_FADV_DONTNEED);
  }
  place = flushed_ - chunk_size;
}

void write_file_atomically(const std::string& path, FunctionRef<void(FileWriter&)> content) {
  std::error_code error;
  std::string target = path;
  if (std::filesystem::is_symlink(path, error)) {
    target = std::filesystem::weakly_canonical(path, error);
    if (error) {
      fail(ErrorCode::io, "{}: cannot follow the link: {}", path, error.message());
    }
  }
  std::optional<mode_t> mode;
  struct stat status;
  if (::stat(target.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      fail(ErrorCode::invalid_argument, "{}: exists and is no regular file; expected a file to replace", path);
    }
    mode = status.st_mode & 07777;
  }
  TemporaryFile temporary(target);
  FileWriter writer(temporary.descriptor(), path);
  content(writer);
  writer.flush();
  if (mode) {
    // Someone else's mode may be refused; the file is then ours with the usual one.
    (void)!::fchmod(temporary.descriptor(), *mode);
  }
  temporary.become_target();
  sync_folder_of(target);
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, [&](FileWriter& writer) { writer.write(bytes); });
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace kiln
