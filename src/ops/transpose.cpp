#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText transpose_versions[] = {
    {1, "data:T -> transposed:T", "perm:ints", "T=basic"},
    {13, "data:T -> transposed:T", "perm:ints", "T=basic,bf16"},
    {21, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

std::vector<int64_t> permutation(const NodeView& node, size_t rank) {
  if (!node.has_attribute("perm")) {
    std::vector<int64_t> reversed(rank);
    for (size_t i = 0; i < rank; ++i) reversed[i] = static_cast<int64_t>(rank - 1 - i);
    return reversed;
  }
  const auto attribute = node.attr_ints("perm");
  std::vector<int64_t> perm(attribute.begin(), attribute.end());
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  bool valid = sorted.size() == rank;
  for (size_t i = 0; valid && i < rank; ++i) valid = sorted[i] == static_cast<int64_t>(i);
  if (!valid) {
    fail(ErrorCode::invalid_argument, "perm {} is no permutation of the axes of a tensor of rank {}", to_string(perm),
         rank);
  }
  return perm;
}

template <class Extents>
Extents permuted(const Extents& shape, const std::vector<int64_t>& perm) {
  Extents result;
  for (int64_t axis : perm) result.push_back(shape[static_cast<size_t>(axis)]);
  return result;
}

void infer_transpose(InferContext& c) {
  if (const SymShape* shape = c.shape(0)) {
    c.set_output(0, c.dtype(0), permuted(*shape, permutation(c, shape->size())));
    if (const auto elements = c.dims(0); elements && shape->size() <= 1) c.set_dims(0, *elements);
  } else if (c.has_attribute("perm")) {
    c.set_output(0, c.dtype(0), SymShape(c.attr_ints("perm").size()));
  } else {
    c.set_output(0, c.dtype(0));
  }
}

void eval_transpose(EvalContext& c) {
  const Tensor& data = c.input(0);
  const std::vector<int64_t> perm = permutation(c, data.shape().size());
  permuted_copy(c, c.output(0, data.dtype(), permuted(data.shape(), perm)), data, data.shape(), perm);
}

}  // namespace

extern const OpDef transpose_op{"", "Transpose", transpose_versions, infer_transpose, eval_transpose};

}  // namespace kiln::ops
