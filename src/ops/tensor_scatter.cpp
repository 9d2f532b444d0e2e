#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tensor_scatter_versions[] = {
    {24, "past_cache:T update:T write_indices?:i64 -> present_cache:T",
     "axis:int=-2 mode:string=linear",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
};

}  // namespace

extern const OpDef tensor_scatter_op{"", "TensorScatter", tensor_scatter_versions};

}  // namespace kiln::ops
