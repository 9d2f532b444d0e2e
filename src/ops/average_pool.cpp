#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/pooling.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText average_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints pads:ints strides:ints", "T=real"},
    {7, "X:T -> Y:T", "auto_pad:string=NOTSET count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {10, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {11, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {19, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 dilations:ints kernel_shape!:ints "
     "pads:ints strides:ints",
     "T=real"},
    {22, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 dilations:ints kernel_shape!:ints "
     "pads:ints strides:ints",
     "T=real,bf16"},
};

template <class T>
void average_pool(EvalContext& context, PoolWindows& windows, Tensor& y) {
  const T* x = context.input(0).data<T>();
  T* out = y.mutable_data<T>();
  const bool count_padding = context.attr_int("count_include_pad", 0) != 0;
  for_windows(context, windows, [&](int64_t channel, int64_t window) {
    const T* image = x + channel * windows.image_size();
    double sum = 0;
    int64_t covered = 0;
    windows.for_runs(window, [&](int64_t offset, int64_t count, int64_t step) {
      for (int64_t i = 0; i < count; ++i) sum += image[offset + i * step];
      covered += count;
    });
    const int64_t divisor = count_padding ? windows.padded_size(window) : covered;
    out[channel * windows.count() + window] = T(sum / static_cast<double>(divisor));
  });
}

void eval_average_pool(EvalContext& context) {
  const Tensor& x = context.input(0);
  PoolWindows windows(context);
  Tensor& y = context.output(0, x.dtype(), windows.output());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { average_pool<T>(context, windows, y); });
}

}  // namespace

extern const OpDef average_pool_op{"", "AveragePool", average_pool_versions, infer_pool, eval_average_pool};

}  // namespace kiln::ops
