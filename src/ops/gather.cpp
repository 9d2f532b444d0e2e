#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gather_versions[] = {
    {1, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {11, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {13, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic,bf16 Tind=i32,i64"},
};

template <class Extents>
Extents gathered(const Extents& data, const Extents& indices, int64_t axis) {
  Extents shape(data.begin(), data.begin() + axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), data.begin() + axis + 1, data.end());
  return shape;
}

void pass_dims(InferContext& c, const std::vector<int64_t>& indices) {
  const auto elements = c.dims(0);
  if (!elements) return;
  std::vector<Dim> picked;
  for (int64_t index : indices) {
    picked.push_back((*elements)[static_cast<size_t>(checked_index(index, static_cast<int64_t>(elements->size())))]);
  }
  c.set_dims(0, std::move(picked));
}

void infer_gather(InferContext& c) {
  const SymShape *data = c.shape(0), *indices = c.shape(1);
  if (data && data->empty()) fail(ErrorCode::invalid_argument, "the data must have rank 1 or more, found a scalar");
  const int64_t axis = data ? normalize_axis(c.attr_int("axis"), static_cast<int64_t>(data->size())) : 0;
  if (!data || !indices) return c.set_output(0, c.dtype(0));
  c.set_output(0, c.dtype(0), gathered(*data, *indices, axis));
  const auto numbers = c.ints(1);
  if (!numbers) return;
  if (const Dim& extent = (*data)[static_cast<size_t>(axis)]; extent.is_known()) {
    for (int64_t index : *numbers) checked_index(index, extent.value());
  }
  if (data->size() == 1 && indices->size() <= 1) pass_dims(c, *numbers);
}

void eval_gather(EvalContext& c) {
  const Tensor &data = c.input(0), &indices = c.input(1);
  const int64_t axis = normalize_axis(c.attr_int("axis"), data.rank());
  Tensor& output = c.output(0, data.dtype(), gathered(data.shape(), indices.shape(), axis));
  const AxisView view(data.shape(), axis);
  std::vector<int64_t> picks;
  dispatch(Types<int32_t, int64_t>{}, indices.dtype(), [&]<class I> {
    for (I index : indices.elements<I>()) picks.push_back(checked_index(index, view.extent));
  });
  const auto count = static_cast<int64_t>(picks.size());
  if (output.size() == 0) return;
  dispatch_by_size(data.dtype(), [&]<class T> {
    const T* from = raw_elements<T>(data);
    T* to = raw_elements<T>(output);
    c.parallel_for(view.outer * count, 1 + 32768 / view.inner, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / count * view.extent + picks[static_cast<size_t>(i % count)];
        std::copy(from + row * view.inner, from + (row + 1) * view.inner, to + i * view.inner);
      }
    });
  });
}

}  // namespace

extern const OpDef gather_op{"", "Gather", gather_versions, infer_gather, eval_gather};

}  // namespace kiln::ops
