#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText range_versions[] = {
    {11, "start:T limit:T delta:T -> output:T", "", "T=f32,f64,i16,i32,i64"},
    {27, "start:T limit:T delta:T -> output:T", "stash_type:int=1", "T=real,i16,i32,i64,bf16"},
};

[[noreturn]] void fail_zero_delta() { fail(ErrorCode::invalid_argument, "delta is 0, and must not be"); }

int64_t integer_count(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0) fail_zero_delta();
  if (delta > 0 ? limit <= start : limit >= start) return 0;
  // The distance may need all 64 bits; unsigned arithmetic gives it exactly.
  const uint64_t from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(limit);
  const uint64_t distance = delta > 0 ? to - from : from - to;
  const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
  const uint64_t count = distance / step + (distance % step != 0 ? 1 : 0);
  return static_cast<int64_t>(std::min<uint64_t>(count, std::numeric_limits<int64_t>::max()));
}

template <class T>
int64_t float_count(T start, T limit, T delta) {
  if (delta == 0) fail_zero_delta();
  const double count = std::ceil(static_cast<double>(limit - start) / static_cast<double>(delta));
  if (!(count < 0x1p62)) {
    fail(ErrorCode::invalid_argument, "a range from {} to {} by {} has no length", static_cast<double>(start),
         static_cast<double>(limit), static_cast<double>(delta));
  }
  return count > 0 ? static_cast<int64_t>(count) : 0;
}

Dim symbolic_count(const Dim& start, const Dim& limit, const Dim& delta) {
  if (start.is_known() && limit.is_known() && delta.is_known()) {
    return integer_count(start.value(), limit.value(), delta.value());
  }
  if (!delta.is_known()) return {};
  if (delta.value() == 0) fail_zero_delta();
  const Dim steps = delta.value() > 0 ? ceil_div(limit - start, delta) : ceil_div(start - limit, Dim(0) - delta);
  return never_negative(steps) ? steps : max(steps, Dim(0));
}

void check_stash_type(const NodeView& node, DType dtype) {
  const int64_t stash = node.attr_int("stash_type", static_cast<int64_t>(DType::f32));
  const bool half = dtype == DType::f16 || dtype == DType::bf16;
  if (half && stash != static_cast<int64_t>(DType::f32) && stash != static_cast<int64_t>(DType::f64)) {
    fail(ErrorCode::invalid_model, "attribute 'stash_type' is {}, expected 1 (f32) or 11 (f64)", stash);
  }
}

void infer_range(InferContext& c) {
  check_stash_type(c, c.dtype(0));
  for (size_t i = 1; i < 3; ++i) {
    if (c.dtype(i) != DType::undefined && c.dtype(0) != DType::undefined && c.dtype(i) != c.dtype(0)) {
      fail(ErrorCode::invalid_argument, "inputs of types {} and {} are mixed", dtype_name(c.dtype(0)),
           dtype_name(c.dtype(i)));
    }
  }
  const auto start = c.dims(0), limit = c.dims(1), delta = c.dims(2);
  Dim count;
  if (start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1) {
    count = symbolic_count(start->front(), limit->front(), delta->front());
  }
  c.set_output(0, c.dtype(0), SymShape{count});
}

template <class T>
T scalar_input(EvalContext& c, size_t index) {
  const Tensor& tensor = c.input(index);
  if (tensor.size() != 1) {
    fail(ErrorCode::invalid_argument, "input {} must be one number, found shape {}", index, to_string(tensor.shape()));
  }
  T value;
  widen_loop(tensor.dtype())(tensor.raw(), 1, &value, 1);
  return value;
}

// Halves are computed as floats; the last digit of a long range of floats needs more than floats.
void eval_range(EvalContext& c) {
  const DType dtype = same_dtype(c);
  check_stash_type(c, dtype);
  dispatch_carrier(SignedCarriers{}, dtype, [&]<class T> {
    const T start = scalar_input<T>(c, 0), limit = scalar_input<T>(c, 1), delta = scalar_input<T>(c, 2);
    int64_t count = 0;
    if constexpr (std::is_integral_v<T>) {
      count = integer_count(start, limit, delta);
    } else {
      count = float_count(start, limit, delta);
    }
    Tensor& out = c.output(0, dtype, {count});
    int64_t next = 0;
    const NarrowLoop narrow = narrow_loop(carrier_of(dtype), dtype);
    auto* to = static_cast<std::byte*>(out.mutable_raw());
    for (; next < count; ++next, to += dtype_size(dtype), stop_point()) {
      T value;
      if constexpr (std::is_integral_v<T>) {
        value =
            static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(next) * static_cast<uint64_t>(delta));
      } else {
        value = static_cast<T>(static_cast<double>(start) + static_cast<double>(next) * static_cast<double>(delta));
      }
      narrow(&value, to, 1, {});
    }
  });
}

}  // namespace

extern const OpDef range_op{"", "Range", range_versions, infer_range, eval_range};

}  // namespace kiln::ops
