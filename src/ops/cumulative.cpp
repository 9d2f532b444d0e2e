#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cum_sum_versions[] = {
    {11, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=u32,u64,i32,i64,f32,f64 T2=i32,i64"},
    {14, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=real,u32,u64,i32,i64,bf16 T2=i32,i64"},
};

constexpr SchemaText cum_prod_versions[] = {
    {26, "x:T axis:T2 -> y:T", "exclusive:int=0 reverse:int=0", "T=real,u32,u64,i32,i64,bf16 T2=i32,i64"},
};

}  // namespace

extern const OpDef cum_sum_op{"", "CumSum", cum_sum_versions};
extern const OpDef cum_prod_op{"", "CumProd", cum_prod_versions};

}  // namespace kiln::ops
