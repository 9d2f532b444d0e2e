#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_unpool_versions[] = {
    {9, "X:T1 I:T2 output_shape?:T2 -> output:T1", "kernel_shape!:ints pads:ints strides:ints", "T1=real T2=i64"},
    {11, "X:T1 I:T2 output_shape?:T2 -> output:T1", "kernel_shape!:ints pads:ints strides:ints", "T1=real T2=i64"},
    {22, "X:T1 I:T2 output_shape?:T2 -> output:T1",
     "kernel_shape!:ints pads:ints strides:ints",
     "T1=real,bf16 T2=i64"},
};

}  // namespace

extern const OpDef max_unpool_op{"", "MaxUnpool", max_unpool_versions};

}  // namespace kiln::ops
