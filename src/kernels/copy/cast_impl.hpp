#pragma once

#include <cstring>
#include <limits>

#include "kernels/copy/cast_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by cast_<isa>.cpp only.
namespace kiln {

/// What is stored of a boolean: any byte may come in, 0 or 1 goes out.
struct CastBool {
  uint8_t byte;
};

template <class T>
constexpr bool is_cast_float = false;
template <>
inline constexpr bool is_cast_float<float> = true;
template <>
inline constexpr bool is_cast_float<double> = true;
template <class T>
constexpr bool is_cast_bool = false;
template <>
inline constexpr bool is_cast_bool<CastBool> = true;

/// As ONNX's Cast has it; a float that an integer of 32 or 64 bits cannot hold becomes its smallest number.
template <class To, class From>
[[gnu::always_inline]] inline To cast_one(From x) {
  if constexpr (is_cast_bool<From>) {
    return cast_one<To>(static_cast<int32_t>(x.byte != 0));
  } else if constexpr (is_cast_bool<To>) {
    return {static_cast<uint8_t>(x != From{0})};
  } else if constexpr (is_cast_float<From> && !is_cast_float<To>) {
    if constexpr (sizeof(To) < 4) {
      return static_cast<To>(cast_one<int32_t>(x));
    } else {
      // The conversion itself only sees what fits, so that it may be done for all elements.
      constexpr From above = sizeof(To) == 8 ? static_cast<From>(0x1p63) : static_cast<From>(0x1p31);
      // -2^31 less a fraction is cut to -2^31, which is the smallest number anyway.
      const bool fits = x >= -above && x < above;
      const To whole = static_cast<To>(fits ? x : From{0});
      return fits ? whole : std::numeric_limits<To>::min();
    }
  } else {
    return static_cast<To>(x);
  }
}

template <Isa isa, class From, class To>
[[gnu::noinline, gnu::optimize("O3")]] void cast_loop(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const From*>(from);
  auto* out = static_cast<To*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = cast_one<To>(in[i]);
}

template <Isa isa>
[[gnu::noinline, gnu::optimize("O3")]] void cast_f32_to_bf16(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const uint32_t*>(from);
  auto* out = static_cast<uint16_t*>(to);
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = in[i], rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const uint32_t is_nan = 0u - static_cast<uint32_t>((bits & 0x7fffffff) > 0x7f800000);
    out[i] = static_cast<uint16_t>((((bits >> 16) | 0x40) & is_nan) | (rounded & ~is_nan));
  }
}

template <Isa isa>
[[gnu::noinline, gnu::optimize("O3")]] void cast_bf16_to_f32(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const uint16_t*>(from);
  auto* out = static_cast<uint32_t*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<uint32_t>(in[i]) << 16;
}

template <Isa isa, class From>
constexpr void fill_casts(CastTable& table, CastType from) {
  const auto set = [&](CastType to, CastFunction loop) {
    table.loops[static_cast<int>(from)][static_cast<int>(to)] = loop;
  };
  set(CastType::f32, cast_loop<isa, From, float>);
  set(CastType::f64, cast_loop<isa, From, double>);
  set(CastType::i64, cast_loop<isa, From, int64_t>);
  set(CastType::i32, cast_loop<isa, From, int32_t>);
  set(CastType::u8, cast_loop<isa, From, uint8_t>);
  set(CastType::i8, cast_loop<isa, From, int8_t>);
  set(CastType::boolean, cast_loop<isa, From, CastBool>);
}

template <Isa isa>
constexpr CastTable make_cast_table() {
  CastTable table{};
  fill_casts<isa, float>(table, CastType::f32);
  fill_casts<isa, double>(table, CastType::f64);
  fill_casts<isa, int64_t>(table, CastType::i64);
  fill_casts<isa, int32_t>(table, CastType::i32);
  fill_casts<isa, uint8_t>(table, CastType::u8);
  fill_casts<isa, int8_t>(table, CastType::i8);
  fill_casts<isa, CastBool>(table, CastType::boolean);
  const auto set = [&](CastType from, CastType to, CastFunction loop) {
    table.loops[static_cast<int>(from)][static_cast<int>(to)] = loop;
  };
  set(CastType::f32, CastType::half, cast_f32_to_f16<isa>);
  set(CastType::half, CastType::f32, cast_f16_to_f32<isa>);
  set(CastType::f32, CastType::brain, cast_f32_to_bf16<isa>);
  set(CastType::brain, CastType::f32, cast_bf16_to_f32<isa>);
  return table;
}

}  // namespace kiln
