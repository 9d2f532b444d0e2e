#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText shape_versions[] = {
    {1, "data:T -> shape:T1", "", "T=basic T1=i64"},
    {13, "data:T -> shape:T1", "", "T=basic,bf16 T1=i64"},
    {15, "data:T -> shape:T1", "end:int start:int=0", "T=basic,bf16 T1=i64"},
    {19, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16 T1=i64"},
    {21, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4 T1=i64"},
    {23, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1 T1=i64"},
    {24, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 T1=i64"},
    {25, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 T1=i64"},
};

constexpr SchemaText size_versions[] = {
    {1, "data:T -> size:T1", "", "T=basic T1=i64"},
    {13, "data:T -> size:T1", "", "T=basic,bf16 T1=i64"},
    {19, "data:T -> size:T1", "", "T=basic,float8,bf16 T1=i64"},
    {21, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4 T1=i64"},
    {23, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1 T1=i64"},
    {24, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 T1=i64"},
    {25, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 T1=i64"},
};

}  // namespace

extern const OpDef shape_op{"", "Shape", shape_versions};
extern const OpDef size_op{"", "Size", size_versions};

}  // namespace kiln::ops
