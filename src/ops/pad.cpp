#include <algorithm>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText pad_versions[] = {
    {1, "data:T -> output:T", "mode:string=constant paddings!:ints value:float=0", "T=real"},
    {2, "data:T -> output:T", "mode:string=constant pads!:ints value:float=0", "T=real"},
    {11, "data:T pads:i64 constant_value?:T -> output:T", "mode:string=constant", "T=numeric"},
    {13, "data:T pads:i64 constant_value?:T -> output:T", "mode:string=constant", "T=basic,bf16"},
    {18, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,bf16 Tind=i32,i64"},
    {19, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,bf16 Tind=i32,i64"},
    {21, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,float8,bf16,u4,i4 Tind=i32,i64"},
    {23, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1 Tind=i32,i64"},
    {24, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 Tind=i32,i64"},
    {25, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T", "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 Tind=i32,i64"},
};

enum class PadMode { constant, reflect, edge, wrap };

constexpr int64_t max_pad = int64_t{1} << 62;

PadMode pad_mode_of(const NodeView& node) {
  const std::string& mode = node.attr_string("mode");
  if (mode == "constant") return PadMode::constant;
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "edge") return PadMode::edge;
  if (mode == "wrap" && node.version() >= 19) return PadMode::wrap;
  fail(ErrorCode::invalid_argument, "attribute 'mode' is '{}', expected constant, reflect{}", mode,
       node.version() >= 19 ? ", edge or wrap" : " or edge");
}

std::vector<int64_t> attribute_pads(const NodeView& node) {
  const auto pads = node.attr_ints(node.version() == 1 ? "paddings" : "pads");
  return {pads.begin(), pads.end()};
}

std::vector<int64_t> all_axes(size_t rank) {
  std::vector<int64_t> axes(rank);
  for (size_t i = 0; i < rank; ++i) axes[i] = static_cast<int64_t>(i);
  return axes;
}

void check_count(size_t pads, size_t axes) {
  if (pads != 2 * axes) {
    fail(ErrorCode::invalid_argument, "{} pads given for {} axes, expected {}", pads, axes, 2 * axes);
  }
}

void infer_pad(InferContext& c) {
  pad_mode_of(c);
  const SymShape* data = c.shape(0);
  if (!data) return c.set_output(0, c.dtype(0));
  SymShape shape(data->size());
  std::optional<std::vector<int64_t>> axes = all_axes(data->size());
  if (c.has_input(3)) axes = tracked_ints(c, 3);
  if (!axes) return c.set_output(0, c.dtype(0), shape);
  axes = normalize_axes(*axes, static_cast<int64_t>(data->size()));
  std::optional<std::vector<Dim>> pads;
  if (c.version() < 11) {
    const std::vector<int64_t> numbers = attribute_pads(c);
    pads = std::vector<Dim>(numbers.begin(), numbers.end());
  } else {
    if (c.shape(1) && c.shape(1)->size() != 1) {
      fail(ErrorCode::invalid_argument, "pads must be a list, found shape {}", to_string(*c.shape(1)));
    }
    pads = tracked_dims(c, 1);
  }
  if (!pads) return c.set_output(0, c.dtype(0), shape);
  check_count(pads->size(), axes->size());
  shape = *data;
  for (size_t i = 0; i < axes->size(); ++i) {
    Dim& dim = shape[static_cast<size_t>((*axes)[i])];
    dim = dim + (*pads)[i] + (*pads)[axes->size() + i];
    if (dim.is_known() && dim.value() < 0) {
      fail(ErrorCode::invalid_argument, "pads remove more of axis {} than it has", (*axes)[i]);
    }
  }
  c.set_output(0, c.dtype(0), shape);
}

struct AxisPads {
  int64_t begin = 0, end = 0;
};

/// Which element of the input stands at each place of the output along one axis; -1 is the constant. Negative pads
/// cut elements off before the others continue what is left.
std::vector<int64_t> sources(int64_t extent, const AxisPads& pads, int64_t length, PadMode mode, int64_t axis) {
  const int64_t first = std::max<int64_t>(0, -pads.begin);
  const int64_t kept = extent - first - std::max<int64_t>(0, -pads.end);
  if (kept <= 0 && mode != PadMode::constant && length > 0) {
    fail(ErrorCode::invalid_argument, "axis {} has no elements that could be continued into its padding", axis);
  }
  std::vector<int64_t> from(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; ++i) {
    int64_t place = i - std::max<int64_t>(0, pads.begin);
    if (place < 0 || place >= kept) {
      if (mode == PadMode::edge) place = place < 0 ? 0 : kept - 1;
      if (mode == PadMode::wrap) place = (place % kept + kept) % kept;
      if (mode == PadMode::reflect) {
        const int64_t period = std::max<int64_t>(1, 2 * (kept - 1));
        place = (place % period + period) % period;
        place = std::min(place, period - place);
      }
    }
    from[static_cast<size_t>(i)] = place < 0 || place >= kept ? -1 : first + place;
  }
  return from;
}

Tensor constant_of(const EvalContext& c, DType dtype) {
  Tensor constant(dtype, {1});
  if (c.version() < 11) {
    dispatch(Types<float, double, f16>{}, dtype,
             [&]<class T> { constant.mutable_data<T>()[0] = static_cast<T>(c.attr_float("value")); });
  } else if (c.has_input(2)) {
    const Tensor& given = c.input(2);
    if (given.size() != 1 || given.dtype() != dtype) {
      fail(ErrorCode::invalid_argument, "constant_value must be one {}, found {}{}", dtype_name(dtype),
           dtype_name(given.dtype()), to_string(given.shape()));
    }
    return given;
  }
  return constant;
}

void eval_pad(EvalContext& c) {
  const Tensor& data = c.input(0);
  const PadMode mode = pad_mode_of(c);
  const std::vector<int64_t> pads = c.version() < 11 ? attribute_pads(c) : c.input_ints(1);
  const std::vector<int64_t> axes =
      c.has_input(3) ? normalize_axes(c.input_ints(3), data.rank()) : all_axes(data.shape().size());
  check_count(pads.size(), axes.size());
  std::vector<AxisPads> by_axis(data.shape().size());
  Shape shape = data.shape();
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    by_axis[axis] = {pads[i], pads[axes.size() + i]};
    if (std::min(by_axis[axis].begin, by_axis[axis].end) < -max_pad) {
      fail(ErrorCode::invalid_argument, "pads remove more of axis {} than it has", axis);
    }
    shape[axis] = checked_add(checked_add(shape[axis], pads[i], "a padded axis"), by_axis[axis].end, "a padded axis");
    if (shape[axis] < 0) fail(ErrorCode::invalid_argument, "pads remove more of axis {} than it has", axis);
  }
  Tensor& output = c.output(0, data.dtype(), shape);
  if (output.size() == 0) return;
  std::vector<std::vector<int64_t>> from;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    from.push_back(sources(data.shape()[axis], by_axis[axis], shape[axis], mode, static_cast<int64_t>(axis)));
  }
  mapped_copy(c, output, data, from, constant_of(c, data.dtype()));
}

}  // namespace

extern const OpDef pad_op{"", "Pad", pad_versions, infer_pad, eval_pad};

}  // namespace kiln::ops
