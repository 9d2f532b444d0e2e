#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/gemm.hpp"
#include "ops/support/im2col.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText conv_transpose_versions[] = {
    {1, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints output_padding:ints "
     "output_shape:ints pads:ints strides:ints",
     "T=real"},
    {11, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints output_padding:ints "
     "output_shape:ints pads:ints strides:ints",
     "T=real"},
    {22, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints output_padding:ints "
     "output_shape:ints pads:ints strides:ints",
     "T=real,bf16"},
};

/// The window that slides over the output, one position for each element of the input.
struct Transposed {
  Window window;
  std::vector<int64_t> output_padding;
  std::vector<int64_t> output_shape;  ///< empty when the node does not say
  int64_t group;

  bool same() const { return window.auto_pad == AutoPad::same_upper || window.auto_pad == AutoPad::same_lower; }
  /// By how much the full extent exceeds one stride for each element of the input.
  int64_t surplus(size_t axis) const { return window.reach(axis) + output_padding[axis] - window.strides[axis]; }
  Dim full_extent(size_t axis, const Dim& input) const {
    return Dim(window.strides[axis]) * (input - Dim(1)) + Dim(output_padding[axis] + window.reach(axis));
  }
  Dim output_extent(size_t axis, const Dim& input) const {
    if (!output_shape.empty()) return output_shape[axis];
    // As many elements as strides, or as there are, where the window is shorter than a stride.
    if (same()) return full_extent(axis, input) - Dim(std::max<int64_t>(0, surplus(axis)));
    return full_extent(axis, input) - Dim(window.pads_begin[axis] + window.pads_end[axis]);
  }
};

void check_transposed_channels(const SymShape& x, const SymShape& w, int64_t group) {
  if (group < 1) fail(ErrorCode::invalid_model, "attribute 'group' is {}, expected at least 1", group);
  if (x[1].is_known() && x[1].value() % group != 0) {
    fail(ErrorCode::invalid_argument, "X has {} channels, which {} groups cannot share", x[1].value(), group);
  }
  merge_dims(x[1], w[0], "the channels of X and the first axis of W");
}

/// Nothing while neither the kernel nor the output's shape is known.
std::optional<Transposed> read_transposed(const NodeView& node, const SymShape& x, const SymShape& w) {
  const size_t axes = spatial_axes(x);
  if (w.size() != x.size()) {
    fail(ErrorCode::invalid_argument, "W has shape {}, expected {} axes as X has", to_string(w), x.size());
  }
  check_transposed_channels(x, w, node.attr_int("group", 1));
  if (node.has_attribute("pads") && read_auto_pad(node) != AutoPad::notset) {
    fail(ErrorCode::invalid_model, "attributes 'pads' and 'auto_pad' exclude each other");
  }
  std::optional<Shape> kernel = known_shape(SymShape(w.begin() + 2, w.end()));
  if (node.has_attribute("kernel_shape")) {
    kernel = read_window_list(node, "kernel_shape", axes, 1, 1);
    for (size_t i = 0; i < axes; ++i) merge_dims(w[i + 2], (*kernel)[i], "the kernel in W and kernel_shape");
  }
  Transposed result{read_window(node, kernel.value_or(Shape(axes, 1))),
                    read_window_list(node, "output_padding", axes, 0, 0),
                    {},
                    node.attr_int("group", 1)};
  if (node.has_attribute("output_shape")) result.output_shape = read_window_list(node, "output_shape", axes, 0, 0);
  return kernel || !result.output_shape.empty() ? std::optional(result) : std::nullopt;
}

void infer_conv_transpose(InferContext& context) {
  context.set_output(0, context.dtype(0));
  const int64_t group = context.attr_int("group", 1);
  if (!context.shape(0) || !context.shape(1)) return;
  const SymShape &x = *context.shape(0), &w = *context.shape(1);
  const auto transposed = read_transposed(context, x, w);
  SymShape output{x[0], w[1] * Dim(group)};
  output.resize(x.size());
  for (size_t axis = 0; transposed && axis + 2 < x.size(); ++axis) {
    Dim& extent = output[axis + 2] = transposed->output_extent(axis, x[axis + 2]);
    if (extent.is_known() && extent.value() < 0) {
      fail(ErrorCode::invalid_argument, "the output's extent along spatial axis {} comes to {}", axis, extent.value());
    }
  }
  if (context.has_input(2) && context.shape(2) && context.shape(2)->size() != 1) {
    fail(ErrorCode::invalid_argument, "the bias must have one axis, found shape {}", to_string(*context.shape(2)));
  }
  context.set_output(0, context.dtype(0), output);
}

/// The output's shape; sets the window's pads to what it takes to get it.
Shape resolve(Transposed& transposed, const Shape& x, const Shape& w) {
  Shape output{x[0], checked_mul(w[1], transposed.group, "output channels")};
  const auto number = [](const Dim& extent) {
    if (!extent.is_known()) fail(ErrorCode::limit_exceeded, "the output's extent does not fit in 64 bits");
    return extent.value();
  };
  Window& window = transposed.window;
  for (size_t axis = 0; axis < window.axes(); ++axis) {
    const int64_t extent = number(transposed.output_extent(axis, x[axis + 2]));
    if (extent < 0) {
      fail(ErrorCode::invalid_argument, "the output's extent along spatial axis {} comes to {}", axis, extent);
    }
    output.push_back(extent);
    if (transposed.output_shape.empty() && !transposed.same()) continue;
    const int64_t total = std::max<int64_t>(0, number(transposed.full_extent(axis, x[axis + 2])) - extent);
    const bool less_first = window.auto_pad == AutoPad::same_upper;
    window.pads_begin[axis] = less_first ? total / 2 : total - total / 2;
    window.pads_end[axis] = total - window.pads_begin[axis];
  }
  element_count(output);
  return output;
}

/// y of one image: W's transpose times x gives what each input element adds to the output, window by window.
template <class T>
void convolve_image(EvalContext& context, const Im2Col& columns, int64_t group, int64_t image, Tensor& products,
                    Tensor& y) {
  using Sum = GemmType<T>;
  const Tensor &x = context.input(0), &w = context.input(1);
  const int64_t channels_in = x.dim(1) / group, rows = w.dim(1) * columns.kernel_size(), count = columns.window_count();
  const T* weights = w.data<T>();
  const T* from = x.data<T>() + image * x.dim(1) * count;
  gemm<Sum>(
      context, {group, rows, count, channels_in},
      [&](int64_t batch, int64_t row, int64_t begin, int64_t size, Sum* to) {
        copy_run(weights + (batch * channels_in + begin) * rows + row, rows, size, to);
      },
      [&](int64_t batch, int64_t row, int64_t begin, int64_t size, Sum* to) {
        copy_run(from + (batch * channels_in + row) * count + begin, 1, size, to);
      },
      products.mutable_data<Sum>());
  const T* bias = context.has_input(2) ? context.input(2).data<T>() : nullptr;
  const Sum* product = products.data<Sum>();
  context.parallel_for(y.dim(1), 1, [&](int64_t begin, int64_t end) {
    std::vector<Sum> plane(static_cast<size_t>(columns.image_size()));
    for (int64_t channel = begin; channel < end; ++channel) {
      std::fill(plane.begin(), plane.end(), Sum{0});
      for (int64_t k = 0; k < columns.kernel_size(); ++k, stop_point(count)) {
        columns.add_row(product + (channel * columns.kernel_size() + k) * count, k, plane.data());
      }
      T* to = y.mutable_data<T>() + (image * y.dim(1) + channel) * columns.image_size();
      const Sum added = bias ? static_cast<Sum>(bias[channel]) : Sum{0};
      for (size_t i = 0; i < plane.size(); ++i) to[i] = T(plane[i] + added);
    }
  });
}

void eval_conv_transpose(EvalContext& context) {
  const Tensor &x = context.input(0), &w = context.input(1);
  Transposed transposed = *read_transposed(context, to_sym(x.shape()), to_sym(w.shape()));
  const Shape output = resolve(transposed, x.shape(), w.shape());
  if (context.has_input(2) && context.input(2).shape() != Shape{output[1]}) {
    fail(ErrorCode::invalid_argument, "the bias has shape {}, expected [{}]", to_string(context.input(2).shape()),
         output[1]);
  }
  Tensor& y = context.output(0, x.dtype(), output);
  if (y.size() == 0) return;
  const Shape windows(x.shape().begin() + 2, x.shape().end());
  const Im2Col columns(transposed.window, {output.begin() + 2, output.end()}, windows);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    Tensor products =
        context.host().allocate(dtype_of<GemmType<T>>, {output[1], columns.kernel_size(), columns.window_count()});
    for (int64_t image = 0; image < output[0]; ++image) {
      convolve_image<T>(context, columns, transposed.group, image, products, y);
    }
  });
}

}  // namespace

extern const OpDef conv_transpose_op{"", "ConvTranspose", conv_transpose_versions, infer_conv_transpose,
                                     eval_conv_transpose};

}  // namespace kiln::ops
