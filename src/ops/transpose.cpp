#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText transpose_versions[] = {
    {1, "data:T -> transposed:T", "perm:ints", "T=basic"},
    {13, "data:T -> transposed:T", "perm:ints", "T=basic,bf16"},
    {21, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T -> transposed:T", "perm:ints", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef transpose_op{"", "Transpose", transpose_versions};

}  // namespace kiln::ops
