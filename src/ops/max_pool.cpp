#include <limits>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/pooling.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints pads:ints strides:ints", "T=real"},
    {8, "X:T -> Y:T Indices?:I", "auto_pad:string=NOTSET kernel_shape!:ints pads:ints storage_order:int=0 strides:ints",
     "T=real I=i64"},
    {10, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real I=i64"},
    {11, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real I=i64"},
    {12, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real,i8,u8 I=i64"},
    {22, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real,bf16,i8,u8 I=i64"},
};

void infer_max_pool(InferContext& context) {
  infer_pool(context);
  if (!context.wants_output(1)) return;
  context.set_output(1, DType::i64);
  if (!context.shape(0)) return;
  const SymShape& input = *context.shape(0);
  context.set_output(1, DType::i64, window_output(read_pool_window(context, input.size() - 2), input, input[1]));
}

/// The index of an element in the image when the first spatial axis is the one that runs fastest.
int64_t column_major(int64_t offset, const Shape& image) {
  int64_t index = 0;
  int64_t step = product(image);
  for (size_t axis = image.size(); axis-- > 0;) {
    step /= image[axis];
    index += offset % image[axis] * step;
    offset /= image[axis];
  }
  return index;
}

template <class T>
void max_pool(EvalContext& context, PoolWindows& windows, Tensor& y, int64_t* indices) {
  using Limits = std::numeric_limits<T>;
  const T* x = context.input(0).data<T>();
  T* out = y.mutable_data<T>();
  const bool by_columns = context.attr_int("storage_order", 0) != 0;
  for_windows(context, windows, [&](int64_t channel, int64_t window) {
    const T* image = x + channel * windows.image_size();
    T best = Limits::has_infinity ? T(-Limits::infinity()) : Limits::lowest();
    int64_t at = -1;
    windows.for_runs(window, [&](int64_t offset, int64_t count, int64_t step) {
      for (int64_t i = 0; i < count; ++i, offset += step) {
        // The first of equals is taken; a NaN gives way to any number.
        if (at < 0 || image[offset] > best || best != best) {
          best = image[offset];
          at = offset;
        }
      }
    });
    out[channel * windows.count() + window] = best;
    if (!indices) return;
    if (at >= 0) at = channel * windows.image_size() + (by_columns ? column_major(at, windows.image()) : at);
    indices[channel * windows.count() + window] = at;
  });
}

void eval_max_pool(EvalContext& context) {
  const Tensor& x = context.input(0);
  PoolWindows windows(context);
  int64_t* indices = nullptr;
  if (context.wants_output(1)) indices = context.output(1, DType::i64, windows.output()).mutable_data<int64_t>();
  Tensor& y = context.output(0, x.dtype(), windows.output());
  dispatch(Join<FloatTypes, Types<int8_t, uint8_t>>{}, x.dtype(),
           [&]<class T> { max_pool<T>(context, windows, y, indices); });
}

}  // namespace

extern const OpDef max_pool_op{"", "MaxPool", max_pool_versions, infer_max_pool, eval_max_pool};

}  // namespace kiln::ops
