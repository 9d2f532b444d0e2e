#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kiln/dtype.hpp"  // before these types: they have the names of its enumerators

namespace kiln {

/// What the topmost bit patterns of a small float mean.
enum class Specials : uint8_t {
  ieee,  ///< infinities and NaNs, as in IEEE 754
  fn,    ///< no infinity; NaN is all ones below the sign
  fnuz,  ///< no infinity, no negative zero; the one NaN is the pattern of -0
  none,  ///< finite values only
};

struct FloatSpec {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  Specials specials;
  bool saturates;  ///< what is too large becomes the largest value where a Cast does not say otherwise

  constexpr int width() const { return 1 + exponent_bits + mantissa_bits; }
  constexpr uint32_t sign_mask() const { return 1u << (exponent_bits + mantissa_bits); }
  constexpr uint32_t magnitude_mask() const { return sign_mask() - 1; }
  constexpr uint32_t infinity() const { return magnitude_mask() & ~((1u << mantissa_bits) - 1); }
  constexpr uint32_t largest() const {
    switch (specials) {
      case Specials::ieee: return infinity() - 1;
      case Specials::fn: return magnitude_mask() - 1;
      default: return magnitude_mask();
    }
  }
  constexpr bool has_nan() const { return specials != Specials::none; }
  /// The quiet NaN of this sign; ONNX writes -0 for NaN into a type without NaN.
  constexpr uint32_t nan(bool negative) const {
    const uint32_t sign = negative ? sign_mask() : 0;
    switch (specials) {
      case Specials::ieee: return sign | infinity() | (1u << (mantissa_bits - 1));
      case Specials::fn: return sign | magnitude_mask();
      default: return sign_mask();
    }
  }
  constexpr bool is_nan(uint32_t bits) const {
    const uint32_t magnitude = bits & magnitude_mask();
    switch (specials) {
      case Specials::ieee: return magnitude > infinity();
      case Specials::fn: return magnitude == magnitude_mask();
      case Specials::fnuz: return (bits & (sign_mask() | magnitude_mask())) == sign_mask();
      default: return false;
    }
  }
};

namespace small_float_detail {

constexpr uint32_t too_large(const FloatSpec& spec, bool negative, bool saturate) {
  const uint32_t sign = negative ? spec.sign_mask() : 0;
  if (saturate || spec.specials == Specials::none) {
    return sign | spec.largest();
  }
  return spec.specials == Specials::ieee ? sign | spec.infinity() : spec.nan(negative);
}

/// The pattern nearest to significand * 2^exponent, ties to even, rounded once.
constexpr uint32_t encode(const FloatSpec& spec, bool negative, uint64_t significand, int exponent, bool saturate) {
  const uint32_t sign = negative ? spec.sign_mask() : 0;
  uint64_t code = 0;
  if (significand != 0) {
    const int leading = exponent + 63 - std::countl_zero(significand);
    const int scale = leading > 1 - spec.bias ? leading : 1 - spec.bias;
    if (scale > spec.bias + 2) {
      return too_large(spec, negative, saturate);
    }
    const int shift = scale - spec.mantissa_bits - exponent;
    uint64_t rounded = 0;
    if (shift <= 0) {
      rounded = significand << -shift;
    } else if (shift < 64) {
      const uint64_t half = uint64_t{1} << (shift - 1);
      const uint64_t rest = significand & ((half << 1) - 1);
      rounded = significand >> shift;
      rounded += rest > half || (rest == half && (rounded & 1) != 0);
    } else {
      rounded = shift == 64 && significand > uint64_t{1} << 63;
    }
    // A carry out of the mantissa moves into the exponent, which is just what rounding up to a power of two means.
    code = rounded + (static_cast<uint64_t>(scale + spec.bias - 1) << spec.mantissa_bits);
  }
  if (code > spec.largest()) {
    return too_large(spec, negative, saturate);
  }
  if (code == 0 && spec.specials == Specials::fnuz) {
    return 0;
  }
  return sign | static_cast<uint32_t>(code);
}

template <std::floating_point T>
constexpr uint32_t encode(const FloatSpec& spec, T value, bool saturate) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int stored = std::numeric_limits<T>::digits - 1;
  constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
  constexpr Bits all_ones = 2 * bias + 1;
  const Bits bits = std::bit_cast<Bits>(value);
  const bool negative = bits >> (sizeof(T) * 8 - 1) != 0;
  const Bits exponent = (bits >> stored) & all_ones;
  const Bits mantissa = bits & ((Bits{1} << stored) - 1);
  if (exponent == all_ones) {
    return mantissa != 0 ? spec.nan(negative) : too_large(spec, negative, saturate);
  }
  if (exponent == 0) {
    return encode(spec, negative, mantissa, 1 - bias - stored, saturate);
  }
  return encode(spec, negative, mantissa | Bits{1} << stored, static_cast<int>(exponent) - bias - stored, saturate);
}

constexpr float power_of_two(int exponent) {
  return exponent >= -126 ? std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23)
                          : std::bit_cast<float>(1u << (exponent + 149));
}

constexpr float decode(const FloatSpec& spec, uint32_t bits) {
  const uint32_t magnitude = bits & spec.magnitude_mask();
  const bool negative = (bits & spec.sign_mask()) != 0;
  float value = 0;
  if (spec.is_nan(bits)) {
    value = std::numeric_limits<float>::quiet_NaN();
  } else if (spec.specials == Specials::ieee && magnitude == spec.infinity()) {
    value = std::numeric_limits<float>::infinity();
  } else {
    const uint32_t exponent = magnitude >> spec.mantissa_bits;
    const uint32_t mantissa = magnitude & ((1u << spec.mantissa_bits) - 1);
    const uint32_t significand = exponent == 0 ? mantissa : mantissa | 1u << spec.mantissa_bits;
    const int scale = static_cast<int>(exponent == 0 ? 1 : exponent) - spec.bias - spec.mantissa_bits;
    value = static_cast<float>(significand) * power_of_two(scale);
  }
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | (negative ? 0x80000000u : 0u));
}

template <FloatSpec spec>
inline constexpr auto decoded = [] {
  std::array<float, std::size_t{1} << spec.width()> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = decode(spec, static_cast<uint32_t>(i));
  }
  return table;
}();

/// yes where the condition holds, else no; written as arithmetic because compilers vectorise this and not the `?:`.
constexpr uint32_t select(bool condition, uint32_t yes, uint32_t no) {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

constexpr float f16_to_float(uint16_t half) {
  const uint32_t shifted = static_cast<uint32_t>(half & 0x7fff) << 13;
  const uint32_t normal = shifted + (112u << 23) + select(shifted >= 0x7c00u << 13, 112u << 23, 0);
  // A subnormal is 2^-14 too large when read with an implicit one; the subtraction is exact.
  const float subnormal = std::bit_cast<float>(shifted + (113u << 23)) - std::bit_cast<float>(113u << 23);
  const uint32_t bits = select(shifted < 0x400u << 13, std::bit_cast<uint32_t>(subnormal), normal);
  return std::bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000) << 16);
}

constexpr uint16_t float_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffff;
  // Adding 0.5 puts the unit of f16's subnormals at the last place of a float, so that the addition does the rounding.
  const bool tiny = magnitude < 113u << 23;
  const float sum = std::bit_cast<float>(select(tiny, magnitude, 0)) + 0.5f;
  const uint32_t subnormal = std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  const uint32_t special = select(magnitude > 0x7f800000, 0x7e00 | ((magnitude >> 13) & 0x3ff), 0x7c00);
  const uint32_t half = select(magnitude >= 143u << 23, special, select(tiny, subnormal, normal));
  return static_cast<uint16_t>(half | (bits >> 31) << 15);
}

constexpr uint16_t float_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
}

}  // namespace small_float_detail

/// A floating point number of at most 16 bits, kept in the low bits of one or two bytes.
///
/// It computes as float: it converts to float exactly and implicitly, and back explicitly, rounded once to nearest
/// even. What is too large becomes infinity in f16 and bf16 and the largest value in the smaller types; cast_float()
/// leaves that choice to the caller, as ONNX's Cast does.
template <FloatSpec spec_>
struct SmallFloat {
  static constexpr FloatSpec spec = spec_;
  using Bits = std::conditional_t<(spec.width() > 8), uint16_t, uint8_t>;
  static constexpr bool is_f16 = spec.exponent_bits == 5 && spec.mantissa_bits == 10;
  static constexpr bool is_bf16 = spec.exponent_bits == 8 && spec.mantissa_bits == 7;

  Bits bits;

  SmallFloat() = default;
  constexpr explicit SmallFloat(float value) : SmallFloat(value, spec.saturates) {}
  constexpr explicit SmallFloat(double value) : SmallFloat(value, spec.saturates) {}
  constexpr SmallFloat(float value, bool saturate) : bits(from_float(value, saturate)) {}
  constexpr SmallFloat(double value, bool saturate)
      : bits(static_cast<Bits>(small_float_detail::encode(spec, value, saturate))) {}
  template <std::integral T>
  constexpr explicit SmallFloat(T value) {
    const bool negative = value < T{0};
    const uint64_t magnitude = negative ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    bits = static_cast<Bits>(small_float_detail::encode(spec, negative, magnitude, 0, spec.saturates));
  }
  template <class T>
  requires(!std::is_arithmetic_v<T> && !std::same_as<T, SmallFloat> &&
           std::convertible_to<T, float>) constexpr explicit SmallFloat(T value)
      : SmallFloat(static_cast<float>(value)) {}

  static constexpr SmallFloat from_bits(Bits bits) {
    SmallFloat result{};
    result.bits = bits;
    return result;
  }

  constexpr operator float() const {  // NOLINT(google-explicit-constructor): exact
    if constexpr (is_f16) {
      return small_float_detail::f16_to_float(bits);
    } else if constexpr (is_bf16) {
      return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
    } else {
      return small_float_detail::decoded<spec>[bits & (spec.sign_mask() | spec.magnitude_mask())];
    }
  }

  constexpr SmallFloat operator-() const {
    return spec.specials == Specials::fnuz ? SmallFloat(-static_cast<float>(*this))
                                           : from_bits(static_cast<Bits>(bits ^ spec.sign_mask()));
  }
  SmallFloat& operator+=(float other) { return *this = SmallFloat(*this + other); }
  SmallFloat& operator-=(float other) { return *this = SmallFloat(*this - other); }
  SmallFloat& operator*=(float other) { return *this = SmallFloat(*this * other); }
  SmallFloat& operator/=(float other) { return *this = SmallFloat(*this / other); }

 private:
  static constexpr Bits from_float(float value, bool saturate) {
    if constexpr (is_f16) {
      return small_float_detail::float_to_f16(value);
    } else if constexpr (is_bf16) {
      return small_float_detail::float_to_bf16(value);
    } else {
      return static_cast<Bits>(small_float_detail::encode(spec, value, saturate));
    }
  }
};

using f16 = SmallFloat<FloatSpec{5, 10, 15, Specials::ieee, false}>;
using bf16 = SmallFloat<FloatSpec{8, 7, 127, Specials::ieee, false}>;
using f8e4m3fn = SmallFloat<FloatSpec{4, 3, 7, Specials::fn, true}>;
using f8e4m3fnuz = SmallFloat<FloatSpec{4, 3, 8, Specials::fnuz, true}>;
using f8e5m2 = SmallFloat<FloatSpec{5, 2, 15, Specials::ieee, true}>;
using f8e5m2fnuz = SmallFloat<FloatSpec{5, 2, 16, Specials::fnuz, true}>;
using f6e2m3 = SmallFloat<FloatSpec{2, 3, 1, Specials::none, true}>;
using f6e3m2 = SmallFloat<FloatSpec{3, 2, 3, Specials::none, true}>;
using f4e2m1 = SmallFloat<FloatSpec{2, 1, 1, Specials::none, true}>;

/// ONNX's Cast to F. `saturate` concerns the 8-bit types only: false turns what is too large, infinity included,
/// into infinity or else NaN. f16 and bf16 always give infinity, the types without specials always their largest value.
template <class F>
constexpr F cast_float(float value, bool saturate = true) {
  return F(value, saturate && F::spec.saturates);
}
template <class F>
constexpr F cast_float(double value, bool saturate = true) {
  return F(value, saturate && F::spec.saturates);
}

enum class RoundMode : uint8_t { up, down, nearest };

/// The scale type of the MX formats: 2^(bits - 127), or NaN for 255. It has no zero, no sign and no infinity.
struct f8e8m0 {
  uint8_t bits;

  f8e8m0() = default;
  constexpr explicit f8e8m0(float value);
  constexpr explicit f8e8m0(double value);

  static constexpr f8e8m0 from_bits(uint8_t bits) {
    f8e8m0 result{};
    result.bits = bits;
    return result;
  }
  constexpr operator float() const {  // NOLINT(google-explicit-constructor): exact
    return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : small_float_detail::power_of_two(bits - 127);
  }
};

/// ONNX's Cast to float8e8m0, after the table of its documentation: what lies outside [2^-127, 2^127], zero and
/// infinity included, becomes the nearer bound, or NaN without `saturate`. `nearest` rounds ties up. The standard
/// leaves negative values open: their magnitude is cast.
constexpr f8e8m0 cast_e8m0(double value, RoundMode mode, bool saturate = true) {
  const uint64_t bits = std::bit_cast<uint64_t>(value) & 0x7fffffffffffffff;
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  const uint64_t fraction = bits & 0xfffffffffffff;
  if (exponent == 1024 && fraction != 0) {
    return f8e8m0::from_bits(255);
  }
  if (exponent < -127) {
    return f8e8m0::from_bits(saturate ? 0 : 255);
  }
  if (exponent > 127 || (exponent == 127 && fraction != 0)) {
    return f8e8m0::from_bits(saturate ? 254 : 255);
  }
  const bool round_up = mode == RoundMode::up ? fraction != 0 : mode == RoundMode::nearest && fraction >> 51 != 0;
  return f8e8m0::from_bits(static_cast<uint8_t>(exponent + 127 + (round_up ? 1 : 0)));
}

constexpr f8e8m0::f8e8m0(float value) : f8e8m0(cast_e8m0(value, RoundMode::up)) {}
constexpr f8e8m0::f8e8m0(double value) : f8e8m0(cast_e8m0(value, RoundMode::up)) {}

/// An integer of 2 or 4 bits, held as its value in a byte of its own.
template <class Storage, int width_>
struct SmallInt {
  static constexpr int width = width_;
  static constexpr bool is_signed = std::is_signed_v<Storage>;

  Storage value;

  SmallInt() = default;
  /// Keeps the low bits only, read as two's complement where the type is signed.
  template <std::integral T>
  constexpr explicit SmallInt(T wide) {
    const auto low = static_cast<uint8_t>(static_cast<uint8_t>(wide) << (8 - width));
    value = static_cast<Storage>(static_cast<Storage>(low) >> (8 - width));
  }
  template <class OtherStorage, int other_width>
  constexpr explicit SmallInt(SmallInt<OtherStorage, other_width> other) : SmallInt(other.value) {}

  constexpr operator int() const { return value; }  // NOLINT(google-explicit-constructor): exact
};

using int4 = SmallInt<int8_t, 4>;
using uint4 = SmallInt<uint8_t, 4>;
using int2 = SmallInt<int8_t, 2>;
using uint2 = SmallInt<uint8_t, 2>;

static_assert(sizeof(f16) == 2 && sizeof(bf16) == 2 && sizeof(f8e4m3fn) == 1 && sizeof(f4e2m1) == 1);
static_assert(sizeof(f8e8m0) == 1 && sizeof(int4) == 1 && sizeof(uint2) == 1);
static_assert(std::is_trivial_v<f16> && std::is_trivial_v<f8e8m0> && std::is_trivial_v<int4>);

}  // namespace kiln

template <kiln::FloatSpec spec>
class std::numeric_limits<kiln::SmallFloat<spec>> {
  using F = kiln::SmallFloat<spec>;
  using Bits = typename F::Bits;

 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = true;
  static constexpr bool is_integer = false;
  static constexpr bool is_exact = false;
  static constexpr bool has_infinity = spec.specials == kiln::Specials::ieee;
  static constexpr bool has_quiet_NaN = spec.has_nan();
  static constexpr int radix = 2;
  static constexpr int digits = spec.mantissa_bits + 1;
  static constexpr F lowest() { return F::from_bits(static_cast<Bits>(spec.sign_mask() | spec.largest())); }
  static constexpr F max() { return F::from_bits(static_cast<Bits>(spec.largest())); }
  static constexpr F min() { return F::from_bits(static_cast<Bits>(1u << spec.mantissa_bits)); }
  static constexpr F denorm_min() { return F::from_bits(1); }
  static constexpr F epsilon() { return F(kiln::small_float_detail::power_of_two(-spec.mantissa_bits)); }
  static constexpr F infinity() { return F::from_bits(static_cast<Bits>(has_infinity ? spec.infinity() : 0)); }
  static constexpr F quiet_NaN() { return F::from_bits(static_cast<Bits>(has_quiet_NaN ? spec.nan(false) : 0)); }
};

template <class Storage, int width>
class std::numeric_limits<kiln::SmallInt<Storage, width>> {
  using I = kiln::SmallInt<Storage, width>;

 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = I::is_signed;
  static constexpr bool is_integer = true;
  static constexpr bool is_exact = true;
  static constexpr bool has_infinity = false;
  static constexpr bool has_quiet_NaN = false;
  static constexpr int radix = 2;
  static constexpr int digits = width - (is_signed ? 1 : 0);
  static constexpr I lowest() { return I(is_signed ? -(1 << (width - 1)) : 0); }
  static constexpr I min() { return lowest(); }
  static constexpr I max() { return I((1 << digits) - 1); }
};
