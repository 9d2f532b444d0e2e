#pragma once

#include "base/error.hpp"
#include "base/small_floats.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

template <>
struct DTypeOf<f16> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<f8e4m3fn> {
  static constexpr DType value = DType::f8e4m3fn;
};
template <>
struct DTypeOf<f8e4m3fnuz> {
  static constexpr DType value = DType::f8e4m3fnuz;
};
template <>
struct DTypeOf<f8e5m2> {
  static constexpr DType value = DType::f8e5m2;
};
template <>
struct DTypeOf<f8e5m2fnuz> {
  static constexpr DType value = DType::f8e5m2fnuz;
};
template <>
struct DTypeOf<f8e8m0> {
  static constexpr DType value = DType::f8e8m0;
};
template <>
struct DTypeOf<f6e2m3> {
  static constexpr DType value = DType::f6e2m3;
};
template <>
struct DTypeOf<f6e3m2> {
  static constexpr DType value = DType::f6e3m2;
};
template <>
struct DTypeOf<f4e2m1> {
  static constexpr DType value = DType::f4e2m1;
};
template <>
struct DTypeOf<int4> {
  static constexpr DType value = DType::i4;
};
template <>
struct DTypeOf<uint4> {
  static constexpr DType value = DType::u4;
};
template <>
struct DTypeOf<int2> {
  static constexpr DType value = DType::i2;
};
template <>
struct DTypeOf<uint2> {
  static constexpr DType value = DType::u2;
};

/// A list of element types, for dispatch().
template <class... Ts>
struct Types {};

template <class... Lists>
struct JoinTypes;
template <class... Ts>
struct JoinTypes<Types<Ts...>> {
  using type = Types<Ts...>;
};
template <class... As, class... Bs, class... Rest>
struct JoinTypes<Types<As...>, Types<Bs...>, Rest...> : JoinTypes<Types<As..., Bs...>, Rest...> {};
template <class... Lists>
using Join = typename JoinTypes<Lists...>::type;

using FloatTypes = Types<float, double, f16, bf16>;
using SignedTypes = Types<int8_t, int16_t, int32_t, int64_t>;
using UnsignedTypes = Types<uint8_t, uint16_t, uint32_t, uint64_t>;
using IntTypes = Join<SignedTypes, UnsignedTypes>;
using NumericTypes = Join<FloatTypes, IntTypes>;
using ComplexTypes = Types<std::complex<float>, std::complex<double>>;
using Float8Types = Types<f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz>;
using NarrowFloatTypes = Join<Float8Types, Types<f8e8m0, f6e2m3, f6e3m2, f4e2m1>>;
using NarrowIntTypes = Types<int4, uint4, int2, uint2>;

/// Calls `body.template operator()<T>()` for the type of `list` that `dtype` names, and returns what it returns:
///   dispatch(NumericTypes{}, x.dtype(), [&]<class T> { add<T>(x, y, out); });
/// Fails, naming the dtype, when the list does not have it.
template <class First, class... Rest, class Body>
decltype(auto) dispatch(Types<First, Rest...>, DType dtype, Body&& body) {
  if (dtype == dtype_of<First>) return body.template operator()<First>();
  if constexpr (sizeof...(Rest) > 0) {
    return dispatch(Types<Rest...>{}, dtype, std::forward<Body>(body));
  } else {
    fail(ErrorCode::unsupported, "elements of type {} are not supported here", dtype_name(dtype));
  }
}

/// For code that only moves elements: an unsigned integer of the element's size, std::string for strings.
struct Bytes16 {
  uint64_t low, high;
};
template <class Body>
decltype(auto) dispatch_by_size(DType dtype, Body&& body) {
  if (dtype == DType::string) return body.template operator()<std::string>();
  switch (dtype_size(dtype)) {
    case 1: return body.template operator()<uint8_t>();
    case 2: return body.template operator()<uint16_t>();
    case 4: return body.template operator()<uint32_t>();
    case 8: return body.template operator()<uint64_t>();
    case 16: return body.template operator()<Bytes16>();
    default: fail(ErrorCode::internal, "no elements of type {}", dtype_name(dtype));
  }
}

}  // namespace kiln
