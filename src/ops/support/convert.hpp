#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

#include "base/small_floats.hpp"
#include "kiln/tensor.hpp"

namespace kiln {
class EvalContext;
}

namespace kiln::ops {

/// What a Cast may be told about values that its target cannot hold.
struct CastRules {
  bool saturate = true;
  RoundMode round_mode = RoundMode::up;
};

/// The type that elements of `dtype` are computed in: it holds each of their values exactly, and is one of f32 (every
/// float of at most 32 bits), f64, i64 (every integer but u64, and booleans as 0 and 1) and u64.
DType carrier_of(DType dtype);
inline bool is_carrier(DType dtype) { return carrier_of(dtype) == dtype; }

/// Reads `count` elements, `step` apart, into their carrier.
using WidenLoop = void (*)(const void* from, int64_t step, void* to, int64_t count);
WidenLoop widen_loop(DType from);
/// Writes carriers as elements of `to`, as Cast does: integers keep their low bits, floats are rounded once.
using NarrowLoop = void (*)(const void* from, void* to, int64_t count, const CastRules& rules);
NarrowLoop narrow_loop(DType carrier, DType to);

/// The tensor as elements of another type; itself where it has that type already. Neither may be strings.
Tensor convert(EvalContext& context, const Tensor& from, DType to, const CastRules& rules = {});
/// The only element of a numeric tensor; fails, naming `what`, when it has not just one.
double scalar_value(const Tensor& tensor, const char* what);

/// A float as an integer, towards zero. Out of range it gives what x86 gives and numpy thereby shows: the smallest
/// number of the 32 or 64 bits that the instruction works in, of which narrower types keep the low bits.
template <std::integral To, std::floating_point From>
To float_to_int(From value) {
  constexpr From two63 = static_cast<From>(9223372036854775808.0);
  const auto wide = [&](From x) {
    return x >= -two63 && x < two63 ? static_cast<int64_t>(x) : std::numeric_limits<int64_t>::min();
  };
  if constexpr (std::same_as<To, uint64_t>) {
    return value >= two63 ? static_cast<uint64_t>(wide(value - two63)) ^ (uint64_t{1} << 63)
                          : static_cast<uint64_t>(wide(value));
  } else if constexpr (sizeof(To) == 8 || std::same_as<To, uint32_t>) {
    return static_cast<To>(wide(value));
  } else {
    constexpr From two31 = static_cast<From>(2147483648.0);
    const int64_t exact = wide(value);
    return static_cast<To>(exact >= -static_cast<int64_t>(two31) && exact < static_cast<int64_t>(two31)
                               ? static_cast<int32_t>(exact)
                               : std::numeric_limits<int32_t>::min());
  }
}

}  // namespace kiln::ops
