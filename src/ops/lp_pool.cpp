#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/norm.hpp"
#include "ops/support/pooling.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lp_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape:ints p:float=2 pads:ints strides:ints", "T=real"},
    {2, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints p:int=2 pads:ints strides:ints", "T=real"},
    {11, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints p:int=2 pads:ints strides:ints", "T=real"},
    {18, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints p:int=2 pads:ints strides:ints",
     "T=real"},
    {22, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints p:int=2 pads:ints strides:ints",
     "T=real,bf16"},
};

void infer_lp_pool(InferContext& context) {
  read_norm_order(context);
  infer_pool(context);
}

template <class T>
void lp_pool(EvalContext& context, PoolWindows& windows, Tensor& y) {
  const T* x = context.input(0).data<T>();
  T* out = y.mutable_data<T>();
  const double p = read_norm_order(context);
  for_windows(context, windows, [&](int64_t channel, int64_t window) {
    const T* image = x + channel * windows.image_size();
    NormSum sum(p);
    windows.for_runs(window, [&](int64_t offset, int64_t count, int64_t step) {
      for (int64_t i = 0; i < count; ++i) sum.add(image[offset + i * step]);
    });
    out[channel * windows.count() + window] = T(sum.norm());
  });
}

void eval_lp_pool(EvalContext& context) {
  const Tensor& x = context.input(0);
  PoolWindows windows(context);
  Tensor& y = context.output(0, x.dtype(), windows.output());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { lp_pool<T>(context, windows, y); });
}

}  // namespace

extern const OpDef lp_pool_op{"", "LpPool", lp_pool_versions, infer_lp_pool, eval_lp_pool};

}  // namespace kiln::ops
