#pragma once

#include <utility>

namespace kiln {

/// The C++ type of the number `i`, for loops that are unrolled by calling a lambda.
template <int i>
struct Index {
  static constexpr int value = i;
  constexpr operator int() const { return i; }  // NOLINT(google-explicit-constructor)
};

template <class Body, int... i>
[[gnu::always_inline]] constexpr void unroll_each(Body&& body, std::integer_sequence<int, i...>) {
  (body(Index<i>{}), ...);
}

/// body(Index<0>), body(Index<1>), ... body(Index<count - 1>), with no loop. The body must be always_inline for arrays
/// indexed by it to stay in registers. It takes an int, which is then a constant as well, unless it needs one for a
/// template: a body of `auto` is compiled once for each number, and takes a compiler three times as long.
template <int count, class Body>
[[gnu::always_inline]] constexpr void unroll(Body&& body) {
  unroll_each(body, std::make_integer_sequence<int, count>{});
}

}  // namespace kiln
