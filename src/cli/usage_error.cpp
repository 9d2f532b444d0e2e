#include "cli/usage_error.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

namespace kiln::cli {

void require_file(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) fail_usage("{}: there is no such file", path);
  if (std::filesystem::is_directory(status)) fail_usage("{}: is a folder, expected a file", path);
  if (access(path.c_str(), R_OK) != 0) fail_usage("{}: cannot be read: {}", path, std::strerror(errno));
}

}  // namespace kiln::cli
