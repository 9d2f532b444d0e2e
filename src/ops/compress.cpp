#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText compress_versions[] = {
    {9, "input:T condition:T1 -> output:T", "axis:int", "T=basic T1=bool"},
    {11, "input:T condition:T1 -> output:T", "axis:int", "T=basic T1=bool"},
    {28, "input:T condition:T1 -> output:T", "axis:int", "T=basic,bf16 T1=bool"},
};

void infer_compress(InferContext& c) {
  const SymShape *input = c.shape(0), *condition = c.shape(1);
  if (condition && condition->size() != 1) {
    fail(ErrorCode::invalid_argument, "the condition must be a list, found shape {}", to_string(*condition));
  }
  if (input && input->empty()) fail(ErrorCode::invalid_argument, "the input must have rank 1 or more, found a scalar");
  if (!c.has_attribute("axis")) return c.set_output(0, c.dtype(0), SymShape(1));
  if (!input) return c.set_output(0, c.dtype(0));
  SymShape shape = *input;
  shape[static_cast<size_t>(normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape.size())))] = Dim();
  c.set_output(0, c.dtype(0), shape);
}

void eval_compress(EvalContext& c) {
  const Tensor& condition = c.input(1);
  if (condition.rank() != 1) {
    fail(ErrorCode::invalid_argument, "the condition must be a list, found shape {}", to_string(condition.shape()));
  }
  Tensor input = c.input(0);
  if (!c.has_attribute("axis")) input = input.reshaped({input.size()});
  const int64_t axis = normalize_axis(c.attr_int("axis", 0), input.rank());
  const AxisView view(input.shape(), axis);
  std::vector<int64_t> picks;
  for (int64_t i = 0; i < condition.size(); ++i, stop_point()) {
    if (condition.data<bool>()[i]) picks.push_back(checked_index(i, view.extent, "the position of a true condition"));
  }
  Shape shape = input.shape();
  const auto count = static_cast<int64_t>(picks.size());
  shape[static_cast<size_t>(axis)] = count;
  Tensor& output = c.output(0, input.dtype(), shape);
  if (output.size() == 0) return;
  for (int64_t i = 0; i < view.outer * count; ++i) {
    const int64_t row = i / count * view.extent + picks[static_cast<size_t>(i % count)];
    copy_elements(output, i * view.inner, input, row * view.inner, view.inner);
  }
}

}  // namespace

extern const OpDef compress_op{"", "Compress", compress_versions, infer_compress, eval_compress};

}  // namespace kiln::ops
