#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText constant_of_shape_versions[] = {
    {9, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,bool"},
    {20, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,bool,bf16"},
    {21, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16"},
    {23, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1"},
    {24, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1,f8e8m0"},
    {25, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef constant_of_shape_op{"", "ConstantOfShape", constant_of_shape_versions};

}  // namespace kiln::ops
