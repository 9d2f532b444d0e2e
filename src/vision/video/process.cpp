#include "vision/video/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"

extern char** environ;

namespace kiln::vision {

namespace {

/// What a new process is to do with its files.
struct FileActions {
  posix_spawn_file_actions_t actions;

  FileActions() { posix_spawn_file_actions_init(&actions); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
};

}  // namespace

Process::Process(const std::vector<std::string>& command, Stream stream) {
  // A socket, since what is written to one whose reader is gone is an error and not a signal.
  int ends[2] = {-1, -1};
  messages_ = memfd_create("messages", MFD_CLOEXEC);
  if (messages_ < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    const int reason = errno;
    if (messages_ >= 0) close(messages_);
    fail(ErrorCode::io, "cannot run '{}': {}", command[0], std::strerror(reason));
  }
  stream_ = ends[0];
  FileActions files;
  const bool from_it = stream == Stream::from_it;
  posix_spawn_file_actions_adddup2(&files.actions, ends[1], from_it ? STDOUT_FILENO : STDIN_FILENO);
  posix_spawn_file_actions_addopen(&files.actions, from_it ? STDIN_FILENO : STDOUT_FILENO, "/dev/null",
                                   from_it ? O_RDONLY : O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files.actions, messages_, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int failed = posix_spawnp(&pid_, arguments[0], &files.actions, nullptr, arguments.data(), environ);
  close(ends[1]);
  if (failed != 0) {
    pid_ = -1;
    close_stream();
    close(messages_);
    fail(failed == ENOENT ? ErrorCode::not_found : ErrorCode::io, "cannot run '{}': {}", command[0],
         std::strerror(failed));
  }
}

Process::~Process() {
  close_stream();
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    finish();
  }
  close(messages_);
}

void Process::close_stream() {
  if (stream_ >= 0) close(stream_);
  stream_ = -1;
}

size_t Process::read(uint8_t* to, size_t size) {
  while (true) {
    const ssize_t count = ::read(stream_, to, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return 0;
  }
}

bool Process::write(const uint8_t* from, size_t size) {
  while (size > 0) {
    const ssize_t count = send(stream_, from, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    from += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

int Process::finish() {
  close_stream();
  if (pid_ <= 0) return status_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

std::string Process::said() const {
  constexpr size_t most = 1 << 16;
  std::string text(most, '\0');
  const ssize_t count = pread(messages_, text.data(), most, 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

}  // namespace kiln::vision
