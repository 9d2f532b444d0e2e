#include "base/safe_open.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/error.hpp"

namespace kiln {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "a folder";
    case S_IFIFO: return "a pipe";
    case S_IFCHR:
    case S_IFBLK: return "a device";
    case S_IFSOCK: return "a socket";
    case S_IFLNK: return "a symbolic link";
    default: return "no regular file";
  }
}

[[noreturn]] void fail_to_open(const std::string& path, int error) {
  fail(error == ENOENT || error == ENOTDIR ? ErrorCode::not_found : ErrorCode::io, "{}: cannot open: {}", path,
       std::strerror(error));
}

struct stat status_of(int descriptor, const std::string& path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    fail(ErrorCode::io, "{}: cannot read its properties: {}", path, std::strerror(errno));
  }
  return status;
}

void require_regular(const struct stat& status, const std::string& path, ErrorCode code) {
  if (!S_ISREG(status.st_mode)) {
    fail(code, "{}: is {}; expected a regular file", path, kind_of(status.st_mode));
  }
}

/// The folders and the file of a relative path; refuses what is not plainly downward.
std::vector<std::string> components_of(std::string_view path, const std::string& folder) {
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::invalid_model, "'{}': {}; expected a path to a file inside '{}'", path.substr(0, path.find('\0')),
         why, folder);
  };
  if (path.empty()) {
    refuse("the path is empty");
  }
  if (path.find('\0') != std::string_view::npos) {
    refuse("the path has a zero byte");
  }
  if (path.front() == '/') {
    refuse("the path is absolute");
  }
  if (path.back() == '/') {
    refuse("the path names a folder");
  }
  std::vector<std::string> components;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    if (component == "..") {
      refuse("the path has '..'");
    }
    if (!component.empty() && component != ".") {
      components.emplace_back(component);
    }
    begin = end + 1;
  }
  if (components.empty()) {
    refuse("the path names a folder");
  }
  return components;
}

[[noreturn]] void fail_because_of_link(const std::string& path) {
  fail(ErrorCode::invalid_model, "{}: is a symbolic link or passes through one, which a model's files may not", path);
}

/// Opens without following any link, or -1 with errno; ELOOP says that there was a link.
int open_with_kernel(int folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; ++attempt) {
    const auto descriptor = static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
    // EAGAIN: something was renamed meanwhile and the kernel could not be sure.
    if (descriptor >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 100) {
      return descriptor;
    }
  }
}

int open_by_walking(int folder, const std::vector<std::string>& components, int flags) {
  Descriptor current(-1);
  int at = folder;
  for (size_t i = 0; i + 1 < components.size(); ++i) {
    Descriptor next(::openat(at, components[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) {
      struct stat status;
      if (errno == ENOTDIR && ::fstatat(at, components[i].c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
      }
      return -1;
    }
    current = std::move(next);
    at = current.get();
  }
  return ::openat(at, components.back().c_str(), flags | O_NOFOLLOW);
}

}  // namespace

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void OpenFile::read(uint64_t offset, std::span<std::byte> buffer) const {
  if (offset > size_ || buffer.size() > size_ - offset) {
    fail(ErrorCode::invalid_data, "{}: {} bytes at {} were asked for, but the file has {}", path_, buffer.size(),
         offset, size_);
  }
  while (!buffer.empty()) {
    const ssize_t count = ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0 && errno != EINTR) {
      fail(ErrorCode::io, "{}: cannot read: {}", path_, std::strerror(errno));
    }
    if (count == 0) {
      fail(ErrorCode::io, "{}: became shorter while it was read", path_);
    }
    if (count > 0) {
      buffer = buffer.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
  }
}

OpenFile open_file(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::invalid_argument, "a file's path has a zero byte");
  }
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    require_regular(status, path, ErrorCode::invalid_argument);
  }
  Descriptor descriptor(::open(path.c_str(), read_flags));
  if (descriptor.get() < 0) {
    fail_to_open(path, errno);
  }
  status = status_of(descriptor.get(), path);
  require_regular(status, path, ErrorCode::invalid_argument);
  return OpenFile(descriptor.release(), static_cast<uint64_t>(status.st_size), path);
}

OpenFile open_beneath(const std::string& folder, std::string_view relative_path, BeneathMethod method) {
  const std::string root_path = folder.empty() ? "." : folder;
  const std::vector<std::string> components = components_of(relative_path, root_path);
  const std::string path = root_path + "/" + std::string(relative_path);
  const Descriptor root(::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) {
    fail_to_open(root_path, errno);
  }
  const auto open_inside = [&](int flags) {
    int descriptor = -1;
    if (method == BeneathMethod::best) {
      descriptor = open_with_kernel(root.get(), fmt::format("{}", fmt::join(components, "/")), flags);
    }
    // EPERM is what a sandbox says that does not know openat2.
    if (method == BeneathMethod::walk || (descriptor < 0 && (errno == ENOSYS || errno == EPERM))) {
      descriptor = open_by_walking(root.get(), components, flags);
    }
    if (descriptor < 0 && errno == ELOOP) {
      fail_because_of_link(path);
    }
    if (descriptor < 0) {
      fail_to_open(path, errno);
    }
    return Descriptor(descriptor);
  };
  const auto check = [&](int descriptor) {
    const struct stat status = status_of(descriptor, path);
    if (S_ISLNK(status.st_mode)) {
      fail_because_of_link(path);
    }
    require_regular(status, path, ErrorCode::invalid_model);
    if (status.st_nlink != 1) {
      fail(ErrorCode::invalid_model, "{}: has {} hard links; a model's files may have only one name", path,
           status.st_nlink);
    }
    return status;
  };
  // O_PATH looks without opening, since opening a device can already do something.
  check(open_inside(O_PATH | O_NOFOLLOW | O_CLOEXEC).get());
  Descriptor descriptor = open_inside(read_flags | O_NOFOLLOW);
  const struct stat status = check(descriptor.get());
  return OpenFile(descriptor.release(), static_cast<uint64_t>(status.st_size), path);
}

namespace {

template <class Container>
Container read_whole(const std::string& path, uint64_t max_bytes) {
  const OpenFile file = open_file(path);
  if (file.size() > max_bytes) {
    fail(ErrorCode::limit_exceeded, "{}: has {} bytes; at most {} are allowed here", path, file.size(), max_bytes);
  }
  Container content(file.size(), {});
  file.read(0, std::as_writable_bytes(std::span(content.data(), content.size())));
  return content;
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes) {
  return read_whole<std::vector<std::byte>>(path, max_bytes);
}

std::string read_text_file(const std::string& path, uint64_t max_bytes) {
  return read_whole<std::string>(path, max_bytes);
}

}  // namespace kiln
