#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/resampling.hpp"
#include "ops/support/resize_shape.hpp"
#include "ops/support/saturate.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText resize_versions[] = {
    {10, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic"},
    {11, "X:T1 roi:T2 scales:f32 sizes?:i64 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 exclude_outside:int=0 "
     "extrapolation_value:float=0 mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic T2=real"},
    {13, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 exclude_outside:int=0 "
     "extrapolation_value:float=0 mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
    {18, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "antialias:int=0 axes:ints coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 "
     "exclude_outside:int=0 extrapolation_value:float=0 keep_aspect_ratio_policy:string=stretch "
     "mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
    {19, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "antialias:int=0 axes:ints coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 "
     "exclude_outside:int=0 extrapolation_value:float=0 keep_aspect_ratio_policy:string=stretch "
     "mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
};

constexpr SchemaText upsample_versions[] = {
    {1, "X:T -> Y:T", "height_scale!:float mode:string=nearest width_scale!:float", "T=real,bool,i32,i64"},
    {7, "X:T -> Y:T", "mode:string=nearest scales!:floats", "T=basic"},
    {9, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic"},
    {10, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic", true},
};

using Mode = Resampling::Mode;

/// The inputs of the operator, by number; absent in the versions that lack them.
struct Inputs {
  std::optional<size_t> roi, scales, sizes;

  explicit Inputs(const NodeView& node) {
    if (node.schema().op->name == "Upsample") {
      if (node.version() >= 9) scales = 1;
    } else if (node.version() == 10) {
      scales = 1;
    } else {
      roi = 1;
      scales = 2;
      sizes = 3;
    }
  }
};

/// The scales that Upsample states in attributes until version 9.
std::optional<std::vector<float>> attribute_scales(const NodeView& node) {
  if (node.schema().op->name != "Upsample" || node.version() >= 9) return {};
  if (node.version() == 1) {
    return std::vector<float>{1, 1, node.attr_float("height_scale"), node.attr_float("width_scale")};
  }
  const auto scales = node.attr_floats("scales");
  return std::vector<float>(scales.begin(), scales.end());
}

void check_choice(const NodeView& node, bool has_scales, bool has_sizes) {
  const bool either = node.schema().op->name == "Upsample" || node.version() < 13 || has_scales != has_sizes;
  if (!either) fail(ErrorCode::invalid_model, "one of 'scales' and 'sizes' must be given, and not both");
  if (has_scales && read_resize_policy(node) != ResizeTarget::Policy::stretch) {
    fail(ErrorCode::invalid_model, "'scales' leaves no room for 'keep_aspect_ratio_policy'");
  }
}

/// False when the input is left out or known to be empty, which says the same.
bool is_given(const InferContext& context, std::optional<size_t> input) {
  if (!input || !context.has_input(*input)) return false;
  const SymShape* shape = context.shape(*input);
  return !(shape && shape->size() == 1 && (*shape)[0] == Dim(0));
}

/// Fails when the shape of 'sizes' or 'scales' tells that it cannot be right.
void check_list(const InferContext& context, size_t input, const ResizeTarget& target) {
  const SymShape* shape = context.shape(input);
  if (!shape) return;
  if (shape->size() != 1) {
    fail(ErrorCode::invalid_argument, "input {} must be a list, found shape {}", input, to_string(*shape));
  }
  merge_dims((*shape)[0], Dim(static_cast<int64_t>(target.axes.size())), "the numbers given and the axes to resize");
}

SymShape sized_output(const InferContext& context, const ResizeTarget& target, const std::vector<Dim>& sizes) {
  const SymShape& input = *context.shape(0);
  SymShape output = input;
  if (sizes.size() != target.axes.size()) {
    fail(ErrorCode::invalid_argument, "'sizes' has {} numbers, expected one for each of {} axes", sizes.size(),
         target.axes.size());
  }
  bool known = true;
  Shape extents(input.size(), 1);
  ResizeTarget numbers = target;
  numbers.sizes.emplace();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto axis = static_cast<size_t>(target.axes[i]);
    output[axis] = sizes[i];
    known = known && sizes[i].is_known() && input[axis].is_known();
    if (!known) continue;
    extents[axis] = input[axis].value();
    numbers.sizes->push_back(sizes[i].value());
  }
  if (target.policy == ResizeTarget::Policy::stretch) return output;
  const std::vector<ResampledAxis> axes = known ? resize_axes(numbers, extents) : std::vector<ResampledAxis>();
  for (const int64_t axis : target.axes) {
    const auto a = static_cast<size_t>(axis);
    output[a] = known ? Dim(axes[a].output) : Dim();
  }
  return output;
}

SymShape scaled_output(const InferContext& context, const ResizeTarget& target, std::span<const float> scales) {
  SymShape output = *context.shape(0);
  if (scales.size() != target.axes.size()) {
    fail(ErrorCode::invalid_argument, "'scales' has {} numbers, expected one for each of {} axes", scales.size(),
         target.axes.size());
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    Dim& dim = output[static_cast<size_t>(target.axes[i])];
    dim = scaled_extent(dim, scales[i]);
  }
  return output;
}

void infer_resize(InferContext& context) {
  Resampling::read(context);
  context.set_output(0, context.dtype(0));
  const Inputs inputs(context);
  const bool has_scales = is_given(context, inputs.scales), has_sizes = is_given(context, inputs.sizes);
  check_choice(context, has_scales, has_sizes);
  if (!context.shape(0)) return;
  ResizeTarget target;
  target.axes = read_resize_axes(context, context.shape(0)->size());
  target.policy = read_resize_policy(context);
  if (has_sizes) check_list(context, *inputs.sizes, target);
  if (has_scales) check_list(context, *inputs.scales, target);
  SymShape output = *context.shape(0);
  for (const int64_t axis : target.axes) output[static_cast<size_t>(axis)] = Dim();
  if (const auto stated = attribute_scales(context)) {
    output = scaled_output(context, target, *stated);
  } else if (has_sizes) {
    if (const auto sizes = context.dims(*inputs.sizes)) output = sized_output(context, target, *sizes);
  } else if (const Tensor* scales = has_scales ? context.constant(*inputs.scales) : nullptr) {
    output = scaled_output(context, target, scales->elements<float>());
  }
  context.set_output(0, context.dtype(0), output);
}

bool is_given(const EvalContext& context, std::optional<size_t> input) {
  return input && context.has_input(*input) && context.input(*input).size() > 0;
}

ResizeTarget read_target(const EvalContext& context, const Inputs& inputs) {
  ResizeTarget target;
  target.axes = read_resize_axes(context, context.input(0).shape().size());
  target.policy = read_resize_policy(context);
  target.scales = attribute_scales(context);
  const bool has_scales = is_given(context, inputs.scales), has_sizes = is_given(context, inputs.sizes);
  check_choice(context, has_scales, has_sizes);
  if (has_sizes) {
    target.sizes = context.input_ints(*inputs.sizes);
  } else if (has_scales) {
    const auto scales = context.input(*inputs.scales).elements<float>();
    target.scales.emplace(scales.begin(), scales.end());
  } else if (!target.scales) {
    fail(ErrorCode::invalid_argument, "neither 'scales' nor 'sizes' says how to resize");
  }
  return target;
}

/// The region to crop, as starts and ends of the axes in target.axes.
void read_roi(const EvalContext& context, const Inputs& inputs, const ResizeTarget& target,
              std::vector<ResampledAxis>& axes) {
  if (!is_given(context, inputs.roi)) fail(ErrorCode::invalid_argument, "tf_crop_and_resize needs the input 'roi'");
  const Tensor& roi = context.input(*inputs.roi);
  const size_t count = target.axes.size();
  if (roi.size() != static_cast<int64_t>(2 * count)) {
    fail(ErrorCode::invalid_argument, "'roi' has {} numbers, expected {}", roi.size(), 2 * count);
  }
  dispatch(Types<float, double, f16>{}, roi.dtype(), [&]<class T> {
    const auto numbers = roi.elements<T>();
    for (size_t i = 0; i < count; ++i) {
      ResampledAxis& axis = axes[static_cast<size_t>(target.axes[i])];
      axis.roi_start = static_cast<double>(numbers[i]);
      axis.roi_end = static_cast<double>(numbers[count + i]);
    }
  });
}

/// Any element type: `outside` is what to take where the source lies outside the region.
template <class T>
void resize_nearest(EvalContext& context, const std::vector<TapTable>& tables, const Tensor& x, Tensor& y,
                    const void* outside) {
  const std::vector<int64_t> steps = row_major_strides(x.shape());
  const auto* from = static_cast<const T*>(x.raw());
  auto* to = static_cast<T*>(y.mutable_raw());
  const auto* extrapolated = static_cast<const T*>(outside);
  const size_t last = tables.size() - 1;
  const int64_t width = y.dim(-1);
  context.parallel_for(y.size() / width, 32768 / width + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row, stop_point(width)) {
      int64_t rest = row, offset = 0;
      bool away = false;
      for (size_t axis = last; axis-- > 0;) {
        const auto i = static_cast<size_t>(rest % y.shape()[axis]);
        rest /= y.shape()[axis];
        offset += tables[axis].indices[i] * steps[axis];
        away = away || tables[axis].outside[i] != 0;
      }
      for (int64_t i = 0; i < width; ++i) {
        const auto column = static_cast<size_t>(i);
        const bool gone = away || tables[last].outside[column] != 0;
        to[row * width + i] = gone ? *extrapolated : from[offset + tables[last].indices[column]];
      }
    }
  });
}

/// A tensor seen as [outer][axis][inner].
struct Sides {
  int64_t outer, inner;
};

/// One axis of dense data; `lanes` numbers make one element (2 for complex ones).
template <class S>
std::vector<S> resample(EvalContext& context, const std::vector<S>& from, Sides sides, const ResampledAxis& axis,
                        const Resampling& how, int64_t lanes) {
  const TapTable table(how, axis);
  std::vector<S> to(static_cast<size_t>(sides.outer * axis.output * sides.inner));
  const int64_t grain = 32768 / (sides.inner * table.taps + 1) + 1;
  context.parallel_for(sides.outer * axis.output, grain, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t index = line % axis.output;
      const S* block = from.data() + line / axis.output * axis.input * sides.inner;
      S* out = to.data() + line * sides.inner;
      if (table.outside[static_cast<size_t>(index)] != 0) {
        for (int64_t i = 0; i < sides.inner; ++i) out[i] = static_cast<S>(i % lanes == 0 ? how.extrapolation : 0.0f);
        continue;
      }
      for (int64_t tap = 0; tap < table.taps; ++tap, stop_point(sides.inner)) {
        const auto entry = static_cast<size_t>(index * table.taps + tap);
        const auto weight = static_cast<S>(table.weights[entry]);
        if (weight == 0) continue;
        const S* source = block + table.indices[entry] * sides.inner;
        for (int64_t i = 0; i < sides.inner; ++i) out[i] += weight * source[i];
      }
    }
  });
  return to;
}

/// A number as T, rounded to the nearest and saturated where T is an integer.
template <class T, class S>
T to_element(S value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value >= S(0.5);
  } else if constexpr (std::is_integral_v<T>) {
    return rounded<T>(static_cast<double>(value));
  } else {
    return T(value);
  }
}

/// Real is x's element type, or that of the two lanes of a complex one.
template <class Real>
void resize_weighted(EvalContext& context, const std::vector<ResampledAxis>& axes, const Resampling& how,
                     const Tensor& x, Tensor& y, int64_t lanes) {
  using S = std::conditional_t<std::is_same_v<Real, double> || std::is_integral_v<Real>, double, float>;
  const auto* from = static_cast<const Real*>(x.raw());
  std::vector<S> data(from, from + x.size() * lanes);
  Shape shape = x.shape();
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].is_identity()) continue;
    const auto axis = static_cast<int64_t>(i);
    const Sides sides{product(shape, 0, axis), product(shape, axis + 1, x.rank()) * lanes};
    shape[i] = axes[i].output;
    element_count(shape);
    data = resample(context, data, sides, axes[i], how, lanes);
  }
  auto* to = static_cast<Real*>(y.mutable_raw());
  for (size_t i = 0; i < data.size(); ++i) to[i] = to_element<Real>(data[i]);
}

/// One element of the type with the extrapolation value; zero or empty where it has none.
Tensor extrapolated(DType dtype, float value) {
  Tensor element(dtype, {});
  if (dtype == DType::string) return element;
  dispatch(Join<NumericTypes, ComplexTypes, Types<bool>>{}, dtype, [&]<class T> {
    if constexpr (dtype_of<T> == DType::c64 || dtype_of<T> == DType::c128) {
      *element.mutable_data<T>() = T(static_cast<typename T::value_type>(value));
    } else {
      *element.mutable_data<T>() = to_element<T>(value);
    }
  });
  return element;
}

void eval_resize(EvalContext& context) {
  const Tensor& x = context.input(0);
  const Resampling how = Resampling::read(context);
  const Inputs inputs(context);
  const ResizeTarget target = read_target(context, inputs);
  std::vector<ResampledAxis> axes = resize_axes(target, x.shape());
  if (how.transform == Resampling::Transform::tf_crop_and_resize) read_roi(context, inputs, target, axes);
  Shape output;
  for (const ResampledAxis& axis : axes) output.push_back(axis.output);
  Tensor& y = context.output(0, x.dtype(), output);
  if (y.size() == 0) return;
  if (how.mode == Mode::nearest || axes.empty()) {
    axes.resize(std::max<size_t>(1, axes.size()), {1, 1, 1, 1, 0, 1});
    std::vector<TapTable> tables;
    for (const ResampledAxis& axis : axes) tables.emplace_back(how, axis);
    const Tensor outside = extrapolated(x.dtype(), how.extrapolation);
    const Tensor source = x.rank() == 0 ? x.reshaped({1}) : x;
    Tensor result = y.rank() == 0 ? y.reshaped({1}) : y;
    return dispatch_by_size(x.dtype(),
                            [&]<class T> { resize_nearest<T>(context, tables, source, result, outside.raw()); });
  }
  if (x.dtype() == DType::string) fail(ErrorCode::unsupported, "strings can be resized in mode 'nearest' only");
  if (x.dtype() == DType::c64) return resize_weighted<float>(context, axes, how, x, y, 2);
  if (x.dtype() == DType::c128) return resize_weighted<double>(context, axes, how, x, y, 2);
  dispatch(Join<NumericTypes, Types<bool>>{}, x.dtype(),
           [&]<class T> { resize_weighted<T>(context, axes, how, x, y, 1); });
}

}  // namespace

extern const OpDef resize_op{"", "Resize", resize_versions, infer_resize, eval_resize};
extern const OpDef upsample_op{"", "Upsample", upsample_versions, infer_resize, eval_resize};

}  // namespace kiln::ops
