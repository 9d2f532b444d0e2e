#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gather_elements_versions[] = {
    {11, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {13, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic,bf16 Tind=i32,i64"},
};

[[noreturn]] void fail_rank(size_t data, size_t indices) {
  fail(ErrorCode::invalid_argument, "data of rank {} and indices of rank {} should have one rank", data, indices);
}

void infer_gather_elements(InferContext& c) {
  const SymShape *data = c.shape(0), *indices = c.shape(1);
  if (data && indices && data->size() != indices->size()) fail_rank(data->size(), indices->size());
  if (data) normalize_axis(c.attr_int("axis"), static_cast<int64_t>(data->size()));
  c.set_output(0, c.dtype(0), indices ? std::optional(*indices) : std::nullopt);
}

template <class T, class I>
void gather_all(const Tensor& data, const Tensor& indices, int64_t axis, Tensor& output) {
  const T* from = raw_elements<T>(data);
  const I* index = indices.data<I>();
  T* to = raw_elements<T>(output);
  const std::vector<int64_t> strides = row_major_strides(data.shape());
  const int64_t extent = data.dim(axis), step = strides[static_cast<size_t>(axis)];
  Shape position(indices.shape().size(), 0);
  for (int64_t i = 0; i < indices.size(); ++i, stop_point()) {
    int64_t offset = checked_index(index[i], extent) * step;
    for (size_t j = 0; j < position.size(); ++j) {
      if (static_cast<int64_t>(j) != axis) offset += position[j] * strides[j];
    }
    to[i] = from[offset];
    for (size_t j = position.size(); j-- > 0 && ++position[j] == indices.shape()[j];) position[j] = 0;
  }
}

void eval_gather_elements(EvalContext& c) {
  const Tensor &data = c.input(0), &indices = c.input(1);
  if (data.rank() != indices.rank()) fail_rank(data.shape().size(), indices.shape().size());
  const int64_t axis = normalize_axis(c.attr_int("axis"), data.rank());
  for (int64_t j = 0; j < data.rank(); ++j) {
    if (j != axis && indices.dim(j) > data.dim(j)) {
      fail(ErrorCode::invalid_argument, "indices of shape {} reach beyond data of shape {} on axis {}",
           to_string(indices.shape()), to_string(data.shape()), j);
    }
  }
  Tensor& output = c.output(0, data.dtype(), indices.shape());
  if (output.size() == 0) return;
  dispatch_by_size(data.dtype(), [&]<class T> {
    dispatch(Types<int32_t, int64_t>{}, indices.dtype(),
             [&]<class I> { gather_all<T, I>(data, indices, axis, output); });
  });
}

}  // namespace

extern const OpDef gather_elements_op{"", "GatherElements", gather_elements_versions, infer_gather_elements,
                                      eval_gather_elements};

}  // namespace kiln::ops
