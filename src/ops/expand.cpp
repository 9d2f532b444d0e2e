#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText expand_versions[] = {
    {8, "input:T shape:i64 -> output:T", "", "T=basic"},
    {13, "input:T shape:i64 -> output:T", "", "T=basic,bf16"},
};

void infer_expand(InferContext& c) {
  if (const SymShape* shape = c.shape(1); shape && shape->size() != 1) {
    fail(ErrorCode::invalid_argument, "the target shape must be a list, found shape {}", to_string(*shape));
  }
  const auto target = tracked_dims(c, 1);
  if (!c.shape(0) || !target) return c.set_output(0, c.dtype(0));
  for (const Dim& dim : *target) {
    if (dim.is_known() && dim.value() < 0) {
      fail(ErrorCode::invalid_argument, "the target shape has dim {}, expected 0 or more", dim.value());
    }
  }
  const SymShape result = broadcast_shapes(*c.shape(0), *target);
  c.set_output(0, c.dtype(0), result);
  const auto elements = c.dims(0);
  if (!elements || elements->size() != 1 || result.size() > 1) return;
  const Dim length = result.empty() ? Dim(1) : result.front();
  if (length.is_known() && length.value() <= max_tracked_dims) {
    c.set_dims(0, std::vector<Dim>(static_cast<size_t>(length.value()), elements->front()));
  }
}

void eval_expand(EvalContext& c) {
  const Tensor& input = c.input(0);
  const Shape target = c.input_ints(1);
  element_count(target);
  Tensor& output = c.output(0, input.dtype(), broadcast_shapes(input.shape(), target));
  if (output.size() == 0) return;
  const std::vector<int64_t> steps = row_major_strides(input.shape());
  std::vector<int64_t> strides(output.shape().size(), 0);
  const size_t added = strides.size() - steps.size();
  for (size_t i = 0; i < steps.size(); ++i) strides[added + i] = input.shape()[i] == 1 ? 0 : steps[i];
  strided_copy(c, output, output.shape(), input, 0, strides);
}

}  // namespace

extern const OpDef expand_op{"", "Expand", expand_versions, infer_expand, eval_expand};

}  // namespace kiln::ops
