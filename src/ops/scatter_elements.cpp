#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "ops/support/scatter_reduction.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scatter_versions[] = {
    {9, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {11, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64", true},
};

constexpr SchemaText scatter_elements_versions[] = {
    {11, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {13, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic,bf16 Tind=i32,i64"},
    {16, "data:T indices:Tind updates:T -> output:T", "axis:int=0 reduction:string=none", "T=basic,bf16 Tind=i32,i64"},
    {18, "data:T indices:Tind updates:T -> output:T", "axis:int=0 reduction:string=none", "T=basic,bf16 Tind=i32,i64"},
};

[[noreturn]] void fail_ranks(size_t data, size_t indices, size_t updates) {
  fail(ErrorCode::invalid_argument, "data, indices and updates should have one rank, found {}, {} and {}", data,
       indices, updates);
}

void infer_scatter(InferContext& c) {
  check_reduction(c);
  const SymShape *data = c.shape(0), *indices = c.shape(1), *updates = c.shape(2);
  if (data) normalize_axis(c.attr_int("axis"), static_cast<int64_t>(data->size()));
  if (data && indices && updates) {
    if (indices->size() != data->size() || updates->size() != data->size()) {
      fail_ranks(data->size(), indices->size(), updates->size());
    }
    for (size_t i = 0; i < indices->size(); ++i)
      merge_dims((*indices)[i], (*updates)[i], "dims of indices and updates");
  }
  infer_same_as_first(c);
}

void check_shapes(const Shape& data, const Shape& indices, const Shape& updates, int64_t axis) {
  if (indices != updates) {
    fail(ErrorCode::invalid_argument, "indices of shape {} and updates of shape {} should have one shape",
         to_string(indices), to_string(updates));
  }
  for (size_t i = 0; i < data.size(); ++i) {
    if (static_cast<int64_t>(i) != axis && indices[i] > data[i]) {
      fail(ErrorCode::invalid_argument, "indices of shape {} reach beyond data of shape {} on axis {}",
           to_string(indices), to_string(data), i);
    }
  }
}

template <class I>
void scatter_all(Tensor& output, const Tensor& indices, const Tensor& updates, int64_t axis, Combine combine) {
  const I* index = indices.data<I>();
  const std::vector<int64_t> strides = row_major_strides(output.shape());
  const int64_t extent = output.dim(axis), step = strides[static_cast<size_t>(axis)];
  const size_t size = dtype_size(output.dtype());
  auto* to = static_cast<char*>(output.mutable_raw());
  const auto* from = static_cast<const char*>(updates.raw());
  Shape position(indices.shape().size(), 0);
  for (int64_t i = 0; i < indices.size(); ++i, stop_point()) {
    int64_t offset = checked_index(index[i], extent) * step;
    for (size_t j = 0; j < position.size(); ++j) {
      if (static_cast<int64_t>(j) != axis) offset += position[j] * strides[j];
    }
    combine(to + static_cast<size_t>(offset) * size, from + static_cast<size_t>(i) * size, 1);
    for (size_t j = position.size(); j-- > 0 && ++position[j] == indices.shape()[j];) position[j] = 0;
  }
}

void eval_scatter(EvalContext& c) {
  const Tensor &data = c.input(0), &indices = c.input(1), &updates = c.input(2);
  const int64_t axis = normalize_axis(c.attr_int("axis"), data.rank());
  if (indices.rank() != data.rank() || updates.rank() != data.rank()) {
    fail_ranks(data.shape().size(), indices.shape().size(), updates.shape().size());
  }
  check_shapes(data.shape(), indices.shape(), updates.shape(), axis);
  Tensor& output = c.output(0, data.dtype(), data.shape());
  copy_elements(output, 0, data, 0, data.size());
  const Combine combine = scatter_combine(c, data.dtype());
  if (indices.size() == 0) return;
  dispatch(Types<int32_t, int64_t>{}, indices.dtype(),
           [&]<class I> { scatter_all<I>(output, indices, updates, axis, combine); });
}

}  // namespace

extern const OpDef scatter_op{"", "Scatter", scatter_versions, infer_scatter, eval_scatter};
extern const OpDef scatter_elements_op{"", "ScatterElements", scatter_elements_versions, infer_scatter, eval_scatter};

}  // namespace kiln::ops
