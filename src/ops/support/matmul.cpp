#include "ops/support/matmul.hpp"

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {

void infer_matmul(InferContext& context, size_t a, size_t b, DType dtype) {
  context.set_output(0, dtype);
  if (!context.shape(a) || !context.shape(b)) return;
  SymShape left = *context.shape(a), right = *context.shape(b);
  if (left.empty() || right.empty()) fail(ErrorCode::invalid_argument, "a scalar cannot be multiplied as a matrix");
  const bool left_vector = left.size() == 1, right_vector = right.size() == 1;
  if (left_vector) left.insert(left.begin(), Dim(1));
  if (right_vector) right.push_back(Dim(1));
  merge_dims(left.back(), right[right.size() - 2], "the columns of A and the rows of B");
  SymShape output = broadcast_shapes(SymShape(left.begin(), left.end() - 2), SymShape(right.begin(), right.end() - 2));
  if (!left_vector) output.push_back(left[left.size() - 2]);
  if (!right_vector) output.push_back(right.back());
  context.set_output(0, dtype, output);
}

MatmulPlan::MatmulPlan(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty()) fail(ErrorCode::invalid_argument, "a scalar cannot be multiplied as a matrix");
  Shape left = a, right = b;
  if (a.size() == 1) left.insert(left.begin(), 1);
  if (b.size() == 1) right.push_back(1);
  if (left.back() != right[right.size() - 2]) {
    fail(ErrorCode::invalid_argument, "A of shape {} has {} columns, but B of shape {} has {} rows", to_string(a),
         left.back(), to_string(b), right[right.size() - 2]);
  }
  const Shape left_batch(left.begin(), left.end() - 2), right_batch(right.begin(), right.end() - 2);
  const Shape batch = broadcast_shapes(left_batch, right_batch);
  shape = {element_count(batch), left[left.size() - 2], right.back(), left.back()};
  output = batch;
  if (a.size() > 1) output.push_back(shape.m);
  if (b.size() > 1) output.push_back(shape.n);
  element_count(output);
  if (product(right_batch) == 1 && left_batch == batch) {
    // One B for all: the rows of all A's are those of one matrix.
    shape.m *= shape.batches;
    shape.batches = 1;
    a_offsets = b_offsets = {0};
    return;
  }
  const BroadcastPlan plan(batch, {left_batch, right_batch});
  plan.for_rows(0, shape.batches, [&](int64_t, const int64_t* offsets, int64_t count, const int64_t* steps) {
    for (int64_t i = 0; i < count; ++i) {
      a_offsets.push_back((offsets[0] + i * steps[0]) * shape.m * shape.k);
      b_offsets.push_back((offsets[1] + i * steps[1]) * shape.k * shape.n);
    }
  });
}

}  // namespace kiln::ops
