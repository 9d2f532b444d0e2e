#pragma once

#include <fmt/core.h>

#include "kiln/error.hpp"

namespace kiln {

[[noreturn]] void fail_formatted(ErrorCode code, fmt::string_view format, fmt::format_args args);

/// Throws kiln::Error with a formatted message: fail(ErrorCode::io, "{}: cannot open: {}", path, reason).
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  fail_formatted(code, format, fmt::make_format_args(args...));
}

/// Runs `body`; an Error that leaves it gets `place` put before its message ("node 'conv1' (Conv): ...").
template <class Body, class Place>
decltype(auto) with_place(Body&& body, Place&& place) {
  try {
    return body();
  } catch (const Error& error) {
    throw Error(error.code(), std::string(place()) + ": " + error.what());
  }
}

}  // namespace kiln
