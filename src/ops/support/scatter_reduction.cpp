#include "ops/support/scatter_reduction.hpp"

#include <algorithm>
#include <complex>

#include "base/error.hpp"
#include "ops/support/ordering.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

/// Integers are computed in 64 unsigned bits, where what is too large wraps.
template <class T, class F>
T compute(const T& a, const T& b, F f) {
  if constexpr (std::is_same_v<T, bool>) {
    return f(int(a), int(b)) != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  } else if constexpr (std::is_convertible_v<T, float> && !std::is_floating_point_v<T>) {
    return T(f(static_cast<float>(a), static_cast<float>(b)));
  } else {
    return f(a, b);
  }
}

struct Add {
  template <class T>
  static T of(const T& a, const T& b) {
    return compute(a, b, [](auto x, auto y) { return x + y; });
  }
};
struct Mul {
  template <class T>
  static T of(const T& a, const T& b) {
    return compute(a, b, [](auto x, auto y) { return x * y; });
  }
};
/// A NaN on either side is the result, as it is for Max and Min.
struct KeepMax {
  template <class T>
  static T of(const T& a, const T& b) {
    return is_nan(a) || (!is_nan(b) && !sorts_before(a, b)) ? a : b;
  }
};
struct KeepMin {
  template <class T>
  static T of(const T& a, const T& b) {
    return is_nan(a) || (!is_nan(b) && !sorts_before(b, a)) ? a : b;
  }
};

template <class T, class F>
void combine(void* to, const void* from, int64_t count) {
  auto* out = static_cast<T*>(to);
  const auto* in = static_cast<const T*>(from);
  for (int64_t i = 0; i < count; ++i) out[i] = F::of(out[i], in[i]);
}

template <class T>
void replace(void* to, const void* from, int64_t count) {
  const auto* in = static_cast<const T*>(from);
  std::copy(in, in + count, static_cast<T*>(to));
}

template <class F>
Combine combine_of(DType dtype) {
  return dispatch(Join<NumericTypes, ComplexTypes, Types<bool>>{}, dtype,
                  []<class T>() -> Combine { return &combine<T, F>; });
}

}  // namespace

void check_reduction(const NodeView& node) {
  const std::string name = node.attr_string("reduction", "none");
  const bool old = name == "none" || name == "add" || name == "mul";
  if (!old && (node.version() < 18 || (name != "max" && name != "min"))) {
    fail(ErrorCode::invalid_argument, "attribute 'reduction' is '{}', expected none, add{}", name,
         node.version() < 18 ? " or mul" : ", mul, max or min");
  }
}

Combine scatter_combine(const NodeView& node, DType dtype) {
  check_reduction(node);
  const std::string name = node.attr_string("reduction", "none");
  if (name == "add") return combine_of<Add>(dtype);
  if (name == "mul") return combine_of<Mul>(dtype);
  if (name == "max") return combine_of<KeepMax>(dtype);
  if (name == "min") return combine_of<KeepMin>(dtype);
  return dispatch_by_size(dtype, []<class T>() -> Combine { return &replace<T>; });
}

}  // namespace kiln::ops
