#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText trilu_versions[] = {
    {14, "input:T k?:i64 -> output:T", "upper:int=1", "T=basic,bf16"},
};

void check_matrix_rank(size_t rank) {
  if (rank < 2) fail(ErrorCode::invalid_argument, "the input must have rank 2 or more, found {}", rank);
}

void infer_trilu(InferContext& c) {
  if (c.shape(0)) check_matrix_rank(c.shape(0)->size());
  infer_same_as_first(c);
}

void eval_trilu(EvalContext& c) {
  const Tensor& input = c.input(0);
  check_matrix_rank(input.shape().size());
  const bool upper = c.attr_int("upper") != 0;
  Tensor& output = c.output(0, input.dtype(), input.shape());
  if (output.size() == 0) return;
  clear_elements(output);
  const int64_t rows = input.dim(-2), columns = input.dim(-1);
  const int64_t k = c.has_input(1) ? std::clamp(c.input_int(1), -rows, columns) : 0;
  for (int64_t row = 0; row < input.size() / columns; ++row) {
    const int64_t diagonal = row % rows + k;
    const int64_t begin = upper ? std::clamp<int64_t>(diagonal, 0, columns) : 0;
    const int64_t end = upper ? columns : std::clamp<int64_t>(diagonal + 1, 0, columns);
    copy_elements(output, row * columns + begin, input, row * columns + begin, end - begin);
  }
}

}  // namespace

extern const OpDef trilu_op{"", "Trilu", trilu_versions, infer_trilu, eval_trilu};

}  // namespace kiln::ops
