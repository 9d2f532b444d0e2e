#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText add_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText div_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText mul_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sub_versions[] = {
    {1, "A:T B:T -> C:T", "axis:int broadcast:int=0 consumed_inputs:ints", "T=real"},
    {6, "A:T B:T -> C:T", "axis:int broadcast:int=0", "T=real,u32,u64,i32,i64"},
    {7, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> C:T", "", "T=real,u32,u64,i32,i64,bf16"},
    {14, "A:T B:T -> C:T", "", "T=numeric,bf16"},
};

}  // namespace

extern const OpDef add_op{"", "Add", add_versions};
extern const OpDef div_op{"", "Div", div_versions};
extern const OpDef mul_op{"", "Mul", mul_versions};
extern const OpDef sub_op{"", "Sub", sub_versions};

}  // namespace kiln::ops
