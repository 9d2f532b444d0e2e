#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kiln::vision {

/// A program that runs beside this one, with one stream to or from it, and what it says of faults.
class Process {
 public:
  enum class Stream : uint8_t { from_it, to_it };

  /// Fails with not_found where there is no such program.
  Process(const std::vector<std::string>& command, Stream stream);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Ends it where it has not ended.
  ~Process();

  /// As many bytes as there are, at most `size`; 0 at the end.
  size_t read(uint8_t* to, size_t size);
  /// Whether all could be written: false where it has ended.
  bool write(const uint8_t* from, size_t size);
  /// Closes the stream, waits for its end and gives its exit status.
  int finish();
  /// What it has said so far on its standard error.
  std::string said() const;

 private:
  void close_stream();

  pid_t pid_ = -1;
  int stream_ = -1, messages_ = -1;
  int status_ = 0;
};

}  // namespace kiln::vision
