#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gather_nd_versions[] = {
    {11, "data:T indices:i64 -> output:T", "", "T=basic"},
    {12, "data:T indices:i64 -> output:T", "batch_dims:int=0", "T=basic"},
    {13, "data:T indices:i64 -> output:T", "batch_dims:int=0", "T=basic,bf16"},
};

int64_t batch_dims(const NodeView& node, size_t data_rank, size_t indices_rank) {
  const int64_t count = node.attr_int("batch_dims", 0);
  const auto limit = static_cast<int64_t>(std::min(data_rank, indices_rank));
  if (limit < 1) fail(ErrorCode::invalid_argument, "data and indices must have rank 1 or more, found a scalar");
  if (count < 0 || count >= limit) {
    fail(ErrorCode::invalid_argument, "batch_dims is {}, expected at least 0 and less than {}", count, limit);
  }
  return count;
}

/// Indices beyond the batch dims reach `depth` further dims of the data.
void check_depth(int64_t depth, int64_t batch, size_t data_rank) {
  if (depth < 1 || depth + batch > static_cast<int64_t>(data_rank)) {
    fail(ErrorCode::invalid_argument, "the last dim of indices is {}, expected 1 to {}", depth,
         static_cast<int64_t>(data_rank) - batch);
  }
}

void infer_gather_nd(InferContext& c) {
  const SymShape *data = c.shape(0), *indices = c.shape(1);
  if (!data || !indices) return c.set_output(0, c.dtype(0));
  const int64_t batch = batch_dims(c, data->size(), indices->size());
  if (!indices->back().is_known()) return c.set_output(0, c.dtype(0));
  const int64_t depth = indices->back().value();
  check_depth(depth, batch, data->size());
  SymShape shape(indices->begin(), indices->end() - 1);
  for (size_t i = 0; i < static_cast<size_t>(batch); ++i) {
    shape[i] = merge_dims(shape[i], (*data)[i], "batch dims of data and indices");
  }
  shape.insert(shape.end(), data->begin() + batch + depth, data->end());
  c.set_output(0, c.dtype(0), shape);
}

void eval_gather_nd(EvalContext& c) {
  const Tensor &data = c.input(0), &indices = c.input(1);
  const Shape &from = data.shape(), &by = indices.shape();
  const int64_t batch = batch_dims(c, from.size(), by.size());
  const int64_t depth = by.back();
  check_depth(depth, batch, from.size());
  if (!std::equal(by.begin(), by.begin() + batch, from.begin())) {
    fail(ErrorCode::invalid_argument, "data of shape {} and indices of shape {} differ in their {} batch dims",
         to_string(from), to_string(by), batch);
  }
  Shape shape(by.begin(), by.end() - 1);
  shape.insert(shape.end(), from.begin() + batch + depth, from.end());
  Tensor& output = c.output(0, data.dtype(), shape);
  const int64_t tuples = indices.size() / depth;
  const int64_t batches = element_count(Shape(by.begin(), by.begin() + batch));
  const int64_t* index = indices.data<int64_t>();
  const int64_t per_batch = batches ? tuples / batches : 0;
  const int64_t run = output.size() ? output.size() / tuples : 0;
  for (int64_t i = 0; i < tuples; ++i) {
    int64_t at = i / per_batch;
    for (int64_t j = 0; j < depth; ++j) {
      const int64_t extent = from[static_cast<size_t>(batch + j)];
      const int64_t step = checked_index(index[i * depth + j], extent);
      at = run ? at * extent + step : 0;
    }
    copy_elements(output, i * run, data, at * run, run);
  }
}

}  // namespace

extern const OpDef gather_nd_op{"", "GatherND", gather_nd_versions, infer_gather_nd, eval_gather_nd};

}  // namespace kiln::ops
