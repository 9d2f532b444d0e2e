#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace kiln::cli {

/// The command line asks for something impossible: printed like an Error, and the program ends with exit_wrong_use.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

/// Fails unless `path`, as the command line gives it, is a regular file that can be read.
void require_file(const std::string& path);

}  // namespace kiln::cli
