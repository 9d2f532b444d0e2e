#include "ops/support/convolution.hpp"

#include "base/error.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {

namespace {

/// The kernel's extents: what the attribute says, which w must not contradict, or w's own.
std::optional<std::vector<int64_t>> read_kernel(const NodeView& node, const SymShape& w, size_t axes) {
  if (node.has_attribute("kernel_shape")) {
    const std::vector<int64_t> kernel = read_window_list(node, "kernel_shape", axes, 1, 1);
    for (size_t axis = 0; axis < axes; ++axis)
      merge_dims(w[axis + 2], kernel[axis], "the kernel in W and kernel_shape");
    return kernel;
  }
  return known_shape(SymShape(w.begin() + 2, w.end()));
}

void check_channels(const SymShape& x, const SymShape& w, int64_t group) {
  if (group < 1) fail(ErrorCode::invalid_model, "attribute 'group' is {}, expected at least 1", group);
  if (w[0].is_known() && w[0].value() % group != 0) {
    fail(ErrorCode::invalid_argument, "W makes {} channels, which {} groups cannot share", w[0].value(), group);
  }
  if (w[1].is_known() && x[1].is_known() && (x[1].value() % group != 0 || x[1].value() / group != w[1].value())) {
    fail(ErrorCode::invalid_argument, "X has {} channels, but W is for {} groups of {}", x[1].value(), group,
         w[1].value());
  }
}

SymShape output_shape(const Convolution& convolution, const SymShape& x, const SymShape& w) {
  return window_output(convolution.window, x, w[0]);
}

void check_bias(const InferContext& context, size_t bias, const Dim& channels) {
  const SymShape* shape = context.shape(bias);
  if (!shape) return;
  if (shape->size() != 1) {
    fail(ErrorCode::invalid_argument, "the bias must have one axis, found shape {}", to_string(*shape));
  }
  merge_dims((*shape)[0], channels, "the bias and the channels of the output");
}

}  // namespace

std::optional<Convolution> read_convolution(const NodeView& node, const SymShape& x, const SymShape& w) {
  const size_t axes = spatial_axes(x);
  if (w.size() != x.size()) {
    fail(ErrorCode::invalid_argument, "W has shape {}, expected {} axes as X has", to_string(w), x.size());
  }
  const int64_t group = node.attr_int("group", 1);
  check_channels(x, w, group);
  auto kernel = read_kernel(node, w, axes);
  if (!kernel) {
    read_window(node, std::vector<int64_t>(axes, 1));  // for what it refuses
    return {};
  }
  return Convolution{read_window(node, std::move(*kernel)), group};
}

void infer_convolution(InferContext& context, size_t x, size_t w, std::optional<size_t> bias, DType dtype) {
  context.set_output(0, dtype);
  const SymShape* input = context.shape(x);
  if (input) spatial_axes(*input);
  if (!input || !context.shape(w)) return;
  const SymShape& weights = *context.shape(w);
  const auto convolution = read_convolution(context, *input, weights);
  if (bias) check_bias(context, *bias, weights[0]);
  SymShape output{(*input)[0], weights[0]};
  output.resize(input->size());
  context.set_output(0, dtype, convolution ? output_shape(*convolution, *input, weights) : output);
}

namespace {

Window resolved_window(const EvalContext& context, const Tensor& x, const Tensor& w) {
  Window window = read_convolution(context, to_sym(x.shape()), to_sym(w.shape()))->window;
  resolve_pads(window, x.shape());
  return window;
}

Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

}  // namespace

ConvolutionRun::ConvolutionRun(const EvalContext& context, const Tensor& x, const Tensor& w)
    : batch(0), group(context.attr_int("group", 1)), channels_in(0), channels_out(0), columns([&] {
        const Window window = resolved_window(context, x, w);
        output = window_output(window, x.shape(), w.dim(0));
        return Im2Col(window, spatial(x.shape()), spatial(output));
      }()) {
  batch = x.dim(0);
  channels_in = x.dim(1) / group;
  channels_out = w.dim(0) / group;
}

}  // namespace kiln::ops
