#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace kiln {

/// What kind of thing went wrong. The numbers are part of the C ABI (kiln_status) and never change.
enum class ErrorCode {
  invalid_argument = 1,  ///< the caller asked for something impossible: a wrong name, type, shape or option
  invalid_model = 2,     ///< the model breaks a rule of its format
  invalid_data = 3,      ///< a tensor, picture or array file cannot be understood
  not_found = 4,         ///< no such file, model, input or node
  io = 5,                ///< the operating system refused to read or write
  unsupported = 6,       ///< valid, but not something this build of Kiln can do
  limit_exceeded = 7,    ///< larger than a limit that protects the process; the message names the knob
  out_of_memory = 8,     ///< memory could not be had
  cancelled = 9,         ///< stopped because the caller asked for it
  internal = 10,         ///< a fault in Kiln itself: please report it
};

std::string_view error_code_name(ErrorCode code);

/// The only exception type that Kiln throws. what() says where, what was found, what was expected, and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace kiln
