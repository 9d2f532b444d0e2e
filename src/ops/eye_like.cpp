#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText eye_like_versions[] = {
    {9, "input:T1 -> output:T2", "dtype:int k:int=0", "T1=numeric,bool T2=numeric,bool"},
    {22, "input:T1 -> output:T2", "dtype:int k:int=0", "T1=numeric,bf16,bool T2=numeric,bf16,bool"},
};

void infer_eye_like(InferContext& c) {
  const DType dtype = dtype_attribute(c, "dtype", c.dtype(0));
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, dtype, SymShape{Dim(), Dim()});
  if (shape->size() != 2) {
    fail(ErrorCode::invalid_argument, "the input must be of rank 2, found shape {}", to_string(*shape));
  }
  c.set_output(0, dtype, *shape);
}

void eval_eye_like(EvalContext& c) {
  const Tensor& x = c.input(0);
  if (x.rank() != 2) {
    fail(ErrorCode::invalid_argument, "the input must be of rank 2, found shape {}", to_string(x.shape()));
  }
  Tensor& y = c.output(0, dtype_attribute(c, "dtype", x.dtype()), x.shape());
  const int64_t rows = x.dim(0), columns = x.dim(1), k = c.attr_int("k");
  if (y.bytes() > 0) std::memset(y.mutable_raw(), 0, y.bytes());
  if (k >= columns || k <= -rows) return;
  const uint64_t one = 1;
  const NarrowLoop narrow = narrow_loop(DType::u64, y.dtype());
  auto* to = static_cast<std::byte*>(y.mutable_raw());
  for (int64_t row = std::max<int64_t>(0, -k); row < rows && row + k < columns; ++row) {
    narrow(&one, to + static_cast<size_t>(row * columns + row + k) * dtype_size(y.dtype()), 1, {});
  }
}

}  // namespace

extern const OpDef eye_like_op{"", "EyeLike", eye_like_versions, infer_eye_like, eval_eye_like};

}  // namespace kiln::ops
