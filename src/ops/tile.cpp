#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tile_versions[] = {
    {1, "input:T tiles:T axis:T -> output:T", "", "T=real T1=i64"},
    {6, "input:T repeats:T1 -> output:T", "", "T=basic T1=i64"},
    {13, "input:T repeats:T1 -> output:T", "", "T=basic,bf16 T1=i64"},
};

[[noreturn]] void fail_count(size_t found, size_t rank) {
  fail(ErrorCode::invalid_argument, "{} repeats given for an input of rank {}", found, rank);
}

[[noreturn]] void fail_negative(int64_t found) {
  fail(ErrorCode::invalid_argument, "repeats must not be negative, found {}", found);
}

void infer_tile(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0));
  if (c.version() == 1) return c.set_output(0, c.dtype(0), SymShape(shape->size()));
  if (const SymShape* list = c.shape(1); list && list->size() != 1) {
    fail(ErrorCode::invalid_argument, "repeats must be a list, found shape {}", to_string(*list));
  }
  const auto repeats = tracked_dims(c, 1);
  if (!repeats) return c.set_output(0, c.dtype(0), SymShape(shape->size()));
  if (repeats->size() != shape->size()) fail_count(repeats->size(), shape->size());
  SymShape result;
  for (size_t i = 0; i < shape->size(); ++i) {
    const Dim& count = (*repeats)[i];
    if (count.is_known() && count.value() < 0) fail_negative(count.value());
    result.push_back((*shape)[i] * count);
  }
  c.set_output(0, c.dtype(0), result);
}

/// The one number of a tensor of any real type (version 1 gives `tiles` and `axis` as the data's type).
int64_t whole_number(const Tensor& tensor, const char* what) {
  if (tensor.size() != 1) {
    fail(ErrorCode::invalid_argument, "{} must hold one number, found {}", what, tensor.size());
  }
  return dispatch(Join<FloatTypes, IntTypes>{}, tensor.dtype(), [&]<class T> {
    const auto number = static_cast<double>(tensor.data<T>()[0]);
    if (!(number >= -1e9 && number <= 1e9)) {
      fail(ErrorCode::invalid_argument, "{} is {}, which is out of range", what, number);
    }
    return static_cast<int64_t>(number);
  });
}

std::vector<int64_t> repeats_of(const EvalContext& c) {
  const int64_t rank = c.input(0).rank();
  if (c.version() > 1) return c.input_ints(1);
  std::vector<int64_t> repeats(static_cast<size_t>(rank), 1);
  const int64_t axis = normalize_axis(whole_number(c.input(2), "axis"), rank);
  repeats[static_cast<size_t>(axis)] = whole_number(c.input(1), "tiles");
  return repeats;
}

void eval_tile(EvalContext& c) {
  const Tensor& input = c.input(0);
  const Shape& shape = input.shape();
  const std::vector<int64_t> repeats = repeats_of(c);
  if (repeats.size() != shape.size()) fail_count(repeats.size(), shape.size());
  Shape result(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (repeats[i] < 0) fail_negative(repeats[i]);
    if (__builtin_mul_overflow(shape[i], repeats[i], &result[i])) {
      fail(ErrorCode::limit_exceeded, "axis {} of {} elements repeated {} times is too long", i, shape[i], repeats[i]);
    }
  }
  Tensor& output = c.output(0, input.dtype(), result);
  if (output.size() == 0) return;
  // Each axis is seen as [repeat, extent]: a repeat steps by nothing.
  const std::vector<int64_t> steps = row_major_strides(shape);
  Shape extents;
  std::vector<int64_t> strides;
  for (size_t i = 0; i < shape.size(); ++i) {
    extents.insert(extents.end(), {repeats[i], shape[i]});
    strides.insert(strides.end(), {0, steps[i]});
  }
  strided_copy(c, output, extents, input, 0, strides);
}

}  // namespace

extern const OpDef tile_op{"", "Tile", tile_versions, infer_tile, eval_tile};

}  // namespace kiln::ops
