#include <cmath>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText blackman_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

constexpr SchemaText hamming_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

constexpr SchemaText hann_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

void infer_window(InferContext& c) {
  const DType dtype = dtype_attribute(c, "output_datatype");
  const SymShape* shape = c.shape(0);
  if (shape && !shape->empty()) {
    fail(ErrorCode::invalid_argument, "the size must be a scalar, found shape {}", to_string(*shape));
  }
  const auto size = c.dims(0);
  if (!size || size->size() != 1) return c.set_output(0, dtype, SymShape{Dim()});
  if (size->front().is_known() && size->front().value() < 0) {
    fail(ErrorCode::invalid_argument, "the size is {}, and must not be negative", size->front().value());
  }
  c.set_output(0, dtype, SymShape{size->front()});
}

/// A window from its value at the angle 2 pi n / N.
template <class F>
void fill_window(EvalContext& c, F f) {
  const int64_t size = c.input_int(0);
  if (size < 0) fail(ErrorCode::invalid_argument, "the size is {}, and must not be negative", size);
  const bool periodic = c.attr_int("periodic") != 0;
  // A symmetric window of one element is its peak, half a turn in.
  const double period = static_cast<double>(periodic ? size : size - 1);
  Tensor wide = c.host().allocate(DType::f64, {size});
  double* to = wide.mutable_data<double>();
  for (int64_t i = 0; i < size; ++i) {
    to[i] = f(period == 0 ? M_PI : 2 * M_PI * static_cast<double>(i) / period);
  }
  c.set_output(0, convert(c, wide, dtype_attribute(c, "output_datatype")));
}

void eval_blackman(EvalContext& c) {
  fill_window(c, [](double angle) { return 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle); });
}
void eval_hamming(EvalContext& c) {
  fill_window(c, [](double angle) { return 25.0 / 46.0 - 21.0 / 46.0 * std::cos(angle); });
}
void eval_hann(EvalContext& c) {
  fill_window(c, [](double angle) { return 0.5 - 0.5 * std::cos(angle); });
}

}  // namespace

extern const OpDef blackman_window_op{"", "BlackmanWindow", blackman_window_versions, infer_window, eval_blackman};
extern const OpDef hamming_window_op{"", "HammingWindow", hamming_window_versions, infer_window, eval_hamming};
extern const OpDef hann_window_op{"", "HannWindow", hann_window_versions, infer_window, eval_hann};

}  // namespace kiln::ops
