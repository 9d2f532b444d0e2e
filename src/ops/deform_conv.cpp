#include <cmath>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/convolution.hpp"
#include "ops/support/gemm.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText deform_conv_versions[] = {
    {19, "X:T W:T offset:T B?:T mask?:T -> Y:T",
     "dilations:ints group:int=1 kernel_shape:ints offset_group:int=1 pads:ints strides:ints", "T=real"},
    {22, "X:T W:T offset:T B?:T mask?:T -> Y:T",
     "dilations:ints group:int=1 kernel_shape:ints offset_group:int=1 pads:ints strides:ints", "T=real,bf16"},
};

void infer_deform_conv(InferContext& context) {
  infer_convolution(context, 0, 1, context.has_input(3) ? std::optional<size_t>(3) : std::nullopt, context.dtype(0));
  if (context.attr_int("offset_group", 1) < 1) fail(ErrorCode::invalid_model, "attribute 'offset_group' is below 1");
}

/// The matrix that W is multiplied with: the image sampled where the kernel's elements, moved by their offsets, fall.
template <class T>
class SampledColumns {
  using Real = GemmType<T>;

 public:
  SampledColumns(const EvalContext& context, const Window& window, const Shape& output)
      : window_(window),
        image_(context.input(0).shape().begin() + 2, context.input(0).shape().end()),
        windows_(output.begin() + 2, output.end()),
        steps_(row_major_strides(image_)),
        channels_(context.input(0).dim(1)),
        kernel_size_(product(window.kernel)),
        groups_(context.attr_int("offset_group", 1)),
        x_(context.input(0).data<T>()),
        offsets_(context.input(2).data<T>()),
        mask_(context.has_input(4) ? context.input(4).data<T>() : nullptr) {
    check(context, 2, kernel_size_ * static_cast<int64_t>(image_.size()), output);
    if (mask_) check(context, 4, kernel_size_, output);
  }

  int64_t kernel_size() const { return kernel_size_; }

  /// Elements [begin, begin + count) of the row of an image's channel and an element of the kernel.
  void row(int64_t image, int64_t channel, int64_t kernel, int64_t begin, int64_t count, Real* to) const {
    const int64_t axes = static_cast<int64_t>(image_.size()), windows = product(windows_);
    const int64_t group = channel / (channels_ / groups_);
    const int64_t tap = (image * groups_ + group) * kernel_size_ + kernel;
    const T* offsets = offsets_ + tap * axes * windows;
    const T* plane = x_ + (image * channels_ + channel) * product(image_);
    std::vector<Real> position(image_.size());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = begin + i;
      int64_t window_rest = at, kernel_rest = kernel;
      for (int64_t axis = axes; axis-- > 0;) {
        const auto a = static_cast<size_t>(axis);
        const int64_t start = window_rest % windows_[a] * window_.strides[a] +
                              kernel_rest % window_.kernel[a] * window_.dilations[a] - window_.pads_begin[a];
        window_rest /= windows_[a];
        kernel_rest /= window_.kernel[a];
        position[a] = static_cast<Real>(start) + static_cast<Real>(offsets[axis * windows + at]);
      }
      const Real value = sample(plane, position, 0, 0);
      to[i] = mask_ ? value * static_cast<Real>(mask_[tap * windows + at]) : value;
    }
  }

 private:
  void check(const EvalContext& context, size_t input, int64_t for_each_group, const Shape& output) const {
    Shape wanted = output;
    wanted[1] = checked_mul(groups_, for_each_group, "channels of the offsets");
    if (context.input(input).shape() != wanted) {
      fail(ErrorCode::invalid_argument, "input {} has shape {}, expected {}", input,
           to_string(context.input(input).shape()), to_string(wanted));
    }
  }

  /// Interpolates linearly along each axis from `axis` on; what lies outside the image is zero.
  Real sample(const T* plane, const std::vector<Real>& position, size_t axis, int64_t offset) const {
    if (axis == image_.size()) return static_cast<Real>(plane[offset]);
    const Real at = position[axis];
    if (!(at > Real(-1) && at < static_cast<Real>(image_[axis]))) return 0;
    const Real floor = std::floor(at), fraction = at - floor;
    const auto low = static_cast<int64_t>(floor);
    Real sum = 0;
    if (low >= 0) sum += (1 - fraction) * sample(plane, position, axis + 1, offset + low * steps_[axis]);
    if (low + 1 < image_[axis] && fraction > 0) {
      sum += fraction * sample(plane, position, axis + 1, offset + (low + 1) * steps_[axis]);
    }
    return sum;
  }

  const Window& window_;
  Shape image_, windows_;
  std::vector<int64_t> steps_;
  int64_t channels_, kernel_size_, groups_;
  const T *x_, *offsets_, *mask_;
};

template <class T>
void deform_convolve(EvalContext& context, const Convolution& convolution, const Shape& output, Tensor& y) {
  using Real = GemmType<T>;
  const Tensor& w = context.input(1);
  const SampledColumns<T> columns(context, convolution.window, output);
  if (y.size() == 0) return;  // 0 channels in any number of groups
  const int64_t group = convolution.group, channels_in = w.dim(1), channels_out = w.dim(0) / group;
  const int64_t depth = channels_in * columns.kernel_size(), plane = product(output, 2, y.rank());
  Tensor sums = context.host().allocate(dtype_of<Real>, output);
  gemm<Real>(
      context, {output[0] * group, channels_out, plane, depth},
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, Real* to) {
        copy_run(w.data<T>() + (batch % group * channels_out + row) * depth + begin, 1, count, to);
      },
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, Real* to) {
        const int64_t channel = batch % group * channels_in + row / columns.kernel_size();
        columns.row(batch / group, channel, row % columns.kernel_size(), begin, count, to);
      },
      sums.mutable_data<Real>());
  const Real* from = sums.data<Real>();
  const T* bias = context.has_input(3) ? context.input(3).data<T>() : nullptr;
  T* to = y.mutable_data<T>();
  for (int64_t i = 0; i < y.size(); ++i, stop_point()) {
    to[i] = T(bias ? from[i] + static_cast<Real>(bias[i / plane % output[1]]) : from[i]);
  }
}

void eval_deform_conv(EvalContext& context) {
  const Tensor &x = context.input(0), &w = context.input(1);
  const Convolution convolution = *read_convolution(context, to_sym(x.shape()), to_sym(w.shape()));
  const int64_t groups = context.attr_int("offset_group", 1);
  if (groups < 1 || x.dim(1) % groups != 0) {
    fail(ErrorCode::invalid_argument, "X has {} channels, which {} offset groups cannot share", x.dim(1), groups);
  }
  const Shape output = window_output(convolution.window, x.shape(), w.dim(0));
  if (context.has_input(3) && context.input(3).shape() != Shape{output[1]}) {
    fail(ErrorCode::invalid_argument, "the bias has shape {}, expected [{}]", to_string(context.input(3).shape()),
         output[1]);
  }
  Tensor& y = context.output(0, x.dtype(), output);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { deform_convolve<T>(context, convolution, output, y); });
}

}  // namespace

extern const OpDef deform_conv_op{"", "DeformConv", deform_conv_versions, infer_deform_conv, eval_deform_conv};

}  // namespace kiln::ops
