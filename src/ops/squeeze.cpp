#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText squeeze_versions[] = {
    {1, "data:T -> squeezed:T", "axes:ints", "T=basic"},
    {11, "data:T -> squeezed:T", "axes:ints", "T=basic"},
    {13, "data:T axes?:i64 -> squeezed:T", "", "T=basic,bf16"},
    {21, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

constexpr SchemaText unsqueeze_versions[] = {
    {1, "data:T -> expanded:T", "axes!:ints", "T=basic"},
    {11, "data:T -> expanded:T", "axes!:ints", "T=basic"},
    {13, "data:T axes:i64 -> expanded:T", "", "T=basic,bf16"},
    {21, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

/// The axes that a node names: by attribute up to version 11, by input since.
bool names_axes(const InferContext& c) { return c.version() < 13 ? c.has_attribute("axes") : c.has_input(1); }
bool names_axes(const EvalContext& c) { return c.version() < 13 ? c.has_attribute("axes") : c.has_input(1); }

std::vector<int64_t> attribute_axes(const NodeView& node) {
  const auto axes = node.attr_ints("axes");
  return {axes.begin(), axes.end()};
}

std::vector<int64_t> named_axes(const EvalContext& c) { return c.version() < 13 ? attribute_axes(c) : c.input_ints(1); }

/// Nothing while they are not known.
std::optional<std::vector<int64_t>> named_axes(const InferContext& c) {
  return c.version() < 13 ? attribute_axes(c) : tracked_ints(c, 1);
}

/// How many axes input 1 names, where that is known.
std::optional<int64_t> axis_count(const InferContext& c) {
  const SymShape* shape = c.shape(1);
  if (!shape || shape->size() > 1) return {};
  if (shape->empty()) return 1;
  if (!shape->front().is_known()) return {};
  return shape->front().value();
}

/// Marks the axes of a tensor of this rank; naming one twice is as naming it once.
std::vector<bool> marked(std::span<const int64_t> axes, size_t rank) {
  std::vector<bool> marks(rank, false);
  for (int64_t axis : axes) marks[static_cast<size_t>(normalize_axis(axis, static_cast<int64_t>(rank)))] = true;
  return marks;
}

[[noreturn]] void fail_not_one(size_t axis, int64_t extent) {
  fail(ErrorCode::invalid_argument, "axis {} cannot be removed: its extent is {}, not 1", axis, extent);
}

void pass_dims(InferContext& c, size_t rank) {
  if (const auto elements = c.dims(0); elements && rank <= 1) c.set_dims(0, *elements);
}

void infer_squeeze(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0));
  std::vector<bool> drop(shape->size(), false);
  if (names_axes(c)) {
    const auto axes = named_axes(c);
    if (!axes) return c.set_output(0, c.dtype(0));
    drop = marked(*axes, shape->size());
  } else {
    const bool known = std::all_of(shape->begin(), shape->end(), [](const Dim& dim) { return dim.is_known(); });
    if (!known) return c.set_output(0, c.dtype(0));
    for (size_t i = 0; i < shape->size(); ++i) drop[i] = (*shape)[i] == Dim(1);
  }
  SymShape result;
  for (size_t i = 0; i < shape->size(); ++i) {
    const Dim& dim = (*shape)[i];
    if (!drop[i]) {
      result.push_back(dim);
    } else if (dim.is_known() && dim.value() != 1) {
      fail_not_one(i, dim.value());
    }
  }
  c.set_output(0, c.dtype(0), result);
  pass_dims(c, result.size());
}

void eval_squeeze(EvalContext& c) {
  const Tensor& data = c.input(0);
  const Shape& shape = data.shape();
  std::vector<bool> drop(shape.size(), false);
  if (names_axes(c)) {
    drop = marked(named_axes(c), shape.size());
  } else {
    for (size_t i = 0; i < shape.size(); ++i) drop[i] = shape[i] == 1;
  }
  Shape result;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!drop[i]) {
      result.push_back(shape[i]);
    } else if (shape[i] != 1) {
      fail_not_one(i, shape[i]);
    }
  }
  c.set_output(0, data.reshaped(result));
}

/// Puts extents of 1 where `axes`, positions in the result, say.
template <class Extents>
Extents unsqueezed(const Extents& shape, std::span<const int64_t> axes) {
  const size_t rank = shape.size() + axes.size();
  normalize_axes(axes, static_cast<int64_t>(rank));
  const std::vector<bool> added = marked(axes, rank);
  Extents result;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) result.push_back(added[i] ? typename Extents::value_type(1) : shape[next++]);
  return result;
}

void infer_unsqueeze(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0));
  const auto axes = named_axes(c);
  if (!axes) {
    const auto count = axis_count(c);
    if (!count || *count < 0 || *count > 64) return c.set_output(0, c.dtype(0));
    return c.set_output(0, c.dtype(0), SymShape(shape->size() + static_cast<size_t>(*count)));
  }
  const SymShape result = unsqueezed(*shape, *axes);
  c.set_output(0, c.dtype(0), result);
  pass_dims(c, result.size());
}

void eval_unsqueeze(EvalContext& c) {
  c.set_output(0, c.input(0).reshaped(unsqueezed(c.input(0).shape(), named_axes(c))));
}

}  // namespace

extern const OpDef squeeze_op{"", "Squeeze", squeeze_versions, infer_squeeze, eval_squeeze};
extern const OpDef unsqueeze_op{"", "Unsqueeze", unsqueeze_versions, infer_unsqueeze, eval_unsqueeze};

}  // namespace kiln::ops
