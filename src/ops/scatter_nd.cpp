#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "ops/support/scatter_reduction.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scatter_nd_versions[] = {
    {11, "data:T indices:i64 updates:T -> output:T", "", "T=basic"},
    {13, "data:T indices:i64 updates:T -> output:T", "", "T=basic,bf16"},
    {16, "data:T indices:i64 updates:T -> output:T", "reduction:string=none", "T=basic,bf16"},
    {18, "data:T indices:i64 updates:T -> output:T", "reduction:string=none", "T=basic,bf16"},
};

void check_ranks(size_t data, size_t indices) {
  if (data == 0 || indices == 0) {
    fail(ErrorCode::invalid_argument, "data and indices must have rank 1 or more, found a scalar");
  }
}

void check_depth(int64_t depth, size_t rank) {
  if (depth < 0 || depth > static_cast<int64_t>(rank)) {
    fail(ErrorCode::invalid_argument, "the last dim of indices is {}, expected at most the data's rank {}", depth,
         rank);
  }
}

void check_updates(const SymShape& data, const SymShape& indices, const SymShape& updates) {
  if (!indices.back().is_known()) return;
  const int64_t depth = indices.back().value();
  check_depth(depth, data.size());
  SymShape expected(indices.begin(), indices.end() - 1);
  expected.insert(expected.end(), data.begin() + depth, data.end());
  if (updates.size() != expected.size()) {
    fail(ErrorCode::invalid_argument, "updates are of shape {}, expected {}", to_string(updates), to_string(expected));
  }
  for (size_t i = 0; i < expected.size(); ++i) merge_dims(updates[i], expected[i], "dims of updates");
}

void infer_scatter_nd(InferContext& c) {
  check_reduction(c);
  const SymShape *data = c.shape(0), *indices = c.shape(1), *updates = c.shape(2);
  if (data && indices) {
    check_ranks(data->size(), indices->size());
    if (updates) check_updates(*data, *indices, *updates);
  }
  infer_same_as_first(c);
}

void eval_scatter_nd(EvalContext& c) {
  const Tensor &data = c.input(0), &indices = c.input(1), &updates = c.input(2);
  check_ranks(data.shape().size(), indices.shape().size());
  const int64_t depth = indices.dim(-1);
  check_depth(depth, data.shape().size());
  Shape expected(indices.shape().begin(), indices.shape().end() - 1);
  const int64_t tuples = element_count(expected);
  expected.insert(expected.end(), data.shape().begin() + depth, data.shape().end());
  if (updates.shape() != expected) {
    fail(ErrorCode::invalid_argument, "updates are of shape {}, expected {}", to_string(updates.shape()),
         to_string(expected));
  }
  Tensor& output = c.output(0, data.dtype(), data.shape());
  copy_elements(output, 0, data, 0, data.size());
  const Combine combine = scatter_combine(c, data.dtype());
  if (updates.size() == 0 && depth == 0) return;
  const int64_t run = updates.size() ? updates.size() / tuples : 0;
  const int64_t* index = indices.data<int64_t>();
  const size_t size = dtype_size(data.dtype());
  auto* to = static_cast<char*>(output.mutable_raw());
  const auto* from = static_cast<const char*>(updates.raw());
  for (int64_t i = 0; i < tuples; ++i, stop_point(run + 1)) {
    int64_t at = 0;
    for (int64_t j = 0; j < depth; ++j) {
      const int64_t extent = data.dim(j);
      const int64_t step = checked_index(index[i * depth + j], extent);
      at = run ? at * extent + step : 0;
    }
    combine(to + static_cast<size_t>(at * run) * size, from + static_cast<size_t>(i * run) * size, run);
  }
}

}  // namespace

extern const OpDef scatter_nd_op{"", "ScatterND", scatter_nd_versions, infer_scatter_nd, eval_scatter_nd};

}  // namespace kiln::ops
