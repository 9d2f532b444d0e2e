#include "ops/support/convert.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

using AllNumbers = Join<FloatTypes, IntTypes, NarrowFloatTypes, NarrowIntTypes, Types<bool>>;

template <class T>
constexpr bool is_small_float = false;
template <FloatSpec spec>
constexpr bool is_small_float<SmallFloat<spec>> = true;

template <class T>
constexpr bool is_small_int = false;
template <class Storage, int width>
constexpr bool is_small_int<SmallInt<Storage, width>> = true;

template <class T>
using Carrier = std::conditional_t<
    std::is_same_v<T, double> || std::is_same_v<T, uint64_t>, T,
    std::conditional_t<std::is_same_v<T, float> || is_small_float<T> || std::is_same_v<T, f8e8m0>, float, int64_t>>;

template <class To, class From>
To cast_element(From value, const CastRules& rules) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_same_v<To, f8e8m0>) {
    return cast_e8m0(static_cast<double>(value), rules.round_mode, rules.saturate);
  } else if constexpr (is_small_float<To>) {
    if constexpr (std::is_floating_point_v<From>) {
      return cast_float<To>(value, rules.saturate);
    } else if constexpr (To::spec.saturates) {
      // A double holds every integer that is not far out of range anyway.
      return cast_float<To>(static_cast<double>(value), rules.saturate);
    } else {
      return To(value);
    }
  } else if constexpr (std::is_floating_point_v<To> || std::is_integral_v<From>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_integral_v<To>) {
    return float_to_int<To>(value);
  } else {
    return To(float_to_int<int32_t>(value));
  }
}

template <class T>
void widen(const void* from, int64_t step, void* to, int64_t count) {
  using Wide = Carrier<T>;
  // Bytes other than 0 and 1 must not be read as booleans.
  using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;
  const auto* in = static_cast<const Stored*>(from);
  auto* out = static_cast<Wide*>(to);
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<T, bool>) {
      out[i] = in[i * step] != 0;
    } else if constexpr (is_small_int<T>) {
      // Only the low bits count, whatever wrote the byte.
      out[i] = static_cast<Wide>(T(in[i * step].value));
    } else {
      out[i] = static_cast<Wide>(in[i * step]);
    }
  }
}

template <class From, class To>
void narrow(const void* from, void* to, int64_t count, const CastRules& rules) {
  const auto* in = static_cast<const From*>(from);
  auto* out = static_cast<To*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = cast_element<To>(in[i], rules);
}

constexpr int64_t convert_chunk = 512;

}  // namespace

DType carrier_of(DType dtype) {
  if (dtype == DType::f64 || dtype == DType::u64) return dtype;
  if (is_float(dtype)) return DType::f32;
  if (is_int(dtype) || dtype == DType::boolean) return DType::i64;
  fail(ErrorCode::unsupported, "elements of type {} are not numbers to compute with", dtype_name(dtype));
}

WidenLoop widen_loop(DType from) {
  return dispatch(AllNumbers{}, from, []<class T>() -> WidenLoop { return &widen<T>; });
}

NarrowLoop narrow_loop(DType carrier, DType to) {
  return dispatch(Types<float, double, int64_t, uint64_t>{}, carrier, [&]<class From>() {
    return dispatch(AllNumbers{}, to, []<class To>() -> NarrowLoop { return &narrow<From, To>; });
  });
}

Tensor convert(EvalContext& context, const Tensor& from, DType to, const CastRules& rules) {
  if (from.dtype() == to) return from;
  Tensor result = context.host().allocate(to, from.shape());
  const DType carrier = carrier_of(from.dtype());
  const WidenLoop read = widen_loop(from.dtype());
  const NarrowLoop write = narrow_loop(carrier, to);
  const auto* in = static_cast<const std::byte*>(from.raw());
  auto* out = static_cast<std::byte*>(result.mutable_raw());
  const auto in_size = static_cast<int64_t>(dtype_size(from.dtype())), out_size = static_cast<int64_t>(dtype_size(to));
  const bool direct = carrier == from.dtype();
  context.parallel_for(from.size(), 65536, [&](int64_t begin, int64_t end) {
    alignas(64) std::byte buffer[convert_chunk * 8];
    for (int64_t at = begin; at < end; at += convert_chunk) {
      const int64_t count = std::min(convert_chunk, end - at);
      if (!direct) read(in + at * in_size, 1, buffer, count);
      write(direct ? in + at * in_size : buffer, out + at * out_size, count, rules);
    }
  });
  return result;
}

double scalar_value(const Tensor& tensor, const char* what) {
  if (tensor.size() != 1) {
    fail(ErrorCode::invalid_argument, "{} must be one number, found shape {}", what, to_string(tensor.shape()));
  }
  const DType carrier = carrier_of(tensor.dtype());
  uint64_t wide = 0;
  double value = 0;
  widen_loop(tensor.dtype())(tensor.raw(), 1, &wide, 1);
  narrow_loop(carrier, DType::f64)(&wide, &value, 1, {});
  return value;
}

}  // namespace kiln::ops
