#include <algorithm>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/im2col.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText col2im_versions[] = {
    {18, "input:T image_shape:i64 block_shape:i64 -> output:T", "dilations:ints pads:ints strides:ints",
     "T=basic,bf16"},
};

void check_lists(const InferContext& context, size_t axes) {
  read_window_list(context, "pads", 2 * axes, 0, 0);
  read_window_list(context, "strides", axes, 1, 1);
  read_window_list(context, "dilations", axes, 1, 1);
}

/// The number of spatial axes where something tells.
std::optional<size_t> count_axes(const InferContext& context) {
  Dim axes;
  for (size_t input : {1, 2}) {
    const SymShape* shape = context.shape(input);
    if (!shape) continue;
    if (shape->size() != 1) fail(ErrorCode::invalid_argument, "input {} must be a list", input);
    axes = merge_dims(axes, (*shape)[0], "the lengths of image_shape and block_shape");
  }
  for (const char* name : {"strides", "dilations", "pads"}) {
    if (!context.has_attribute(name)) continue;
    const auto length = static_cast<int64_t>(context.attr_ints(name).size());
    if (name == std::string_view("pads") && length % 2 != 0) {
      fail(ErrorCode::invalid_model, "attribute 'pads' has {} numbers, expected an even count", length);
    }
    axes = merge_dims(axes, Dim(name == std::string_view("pads") ? length / 2 : length), name);
  }
  if (!axes.is_known() || axes.value() < 0 || axes.value() > 64) return {};
  return static_cast<size_t>(axes.value());
}

void infer_col2im(InferContext& context) {
  context.set_output(0, context.dtype(0));
  const SymShape* input = context.shape(0);
  if (input && input->size() != 3) {
    fail(ErrorCode::invalid_argument, "the input must have 3 axes (N, C * block, L), found shape {}",
         to_string(*input));
  }
  const auto axes = count_axes(context);
  if (!axes) return;
  check_lists(context, *axes);
  SymShape output(2 + *axes);
  if (input) output[0] = (*input)[0];
  if (const auto image = context.dims(1); image && image->size() == *axes) {
    std::copy(image->begin(), image->end(), output.begin() + 2);
  }
  const auto block = context.ints(2);
  if (!block || block->size() != *axes) return context.set_output(0, context.dtype(0), output);
  Dim size(1);
  for (const int64_t extent : *block) {
    if (extent < 1) fail(ErrorCode::invalid_argument, "block_shape holds {}, expected positive numbers", extent);
    size = size * Dim(extent);
  }
  if (input) output[1] = floor_div((*input)[1], size);
  context.set_output(0, context.dtype(0), output);
}

template <class T>
void add_blocks(EvalContext& context, const Im2Col& columns, const Tensor& x, Tensor& y) {
  const T* from = x.data<T>();
  T* to = y.mutable_data<T>();
  const int64_t blocks = columns.window_count(), rows = columns.kernel_size();
  context.parallel_for(y.dim(0) * y.dim(1), 32768 / (rows * blocks + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      T* image = to + channel * columns.image_size();
      std::fill_n(image, columns.image_size(), T());
      for (int64_t k = 0; k < rows; ++k, stop_point(blocks)) {
        columns.add_row(from + (channel * rows + k) * blocks, k, image);
      }
    }
  });
}

void eval_col2im(EvalContext& context) {
  const Tensor& x = context.input(0);
  const Shape image = context.input_ints(1), block = context.input_ints(2);
  if (x.rank() != 3 || image.empty() || image.size() != block.size()) {
    fail(ErrorCode::invalid_argument,
         "input of shape {}, image_shape {} and block_shape {}, expected 3 axes and lists of "
         "one length",
         to_string(x.shape()), to_string(image), to_string(block));
  }
  const Window window = read_window(context, block);
  const int64_t block_size = element_count(block);
  Shape windows, output{x.dim(0), x.dim(1) / block_size};
  for (size_t axis = 0; axis < image.size(); ++axis) {
    if (image[axis] < 0) fail(ErrorCode::invalid_argument, "image_shape holds {}", image[axis]);
    windows.push_back(window_count(window, axis, image[axis]));
    output.push_back(image[axis]);
  }
  if (x.dim(1) % block_size != 0 || element_count(windows) != x.dim(2)) {
    fail(ErrorCode::invalid_argument, "input of shape {}, expected a multiple of {} along axis 1 and {} blocks of {}",
         to_string(x.shape()), block_size, element_count(windows), to_string(windows));
  }
  Tensor& y = context.output(0, x.dtype(), output);
  if (y.size() == 0) return;
  const Im2Col columns(window, image, windows);
  dispatch(Join<NumericTypes, ComplexTypes, Types<bool, std::string>>{}, x.dtype(),
           [&]<class T> { add_blocks<T>(context, columns, x, y); });
}

}  // namespace

extern const OpDef col2im_op{"", "Col2Im", col2im_versions, infer_col2im, eval_col2im};

}  // namespace kiln::ops
