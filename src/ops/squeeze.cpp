#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText squeeze_versions[] = {
    {1, "data:T -> squeezed:T", "axes:ints", "T=basic"},
    {11, "data:T -> squeezed:T", "axes:ints", "T=basic"},
    {13, "data:T axes?:i64 -> squeezed:T", "", "T=basic,bf16"},
    {21, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T axes?:i64 -> squeezed:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

constexpr SchemaText unsqueeze_versions[] = {
    {1, "data:T -> expanded:T", "axes!:ints", "T=basic"},
    {11, "data:T -> expanded:T", "axes!:ints", "T=basic"},
    {13, "data:T axes:i64 -> expanded:T", "", "T=basic,bf16"},
    {21, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T axes:i64 -> expanded:T", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef squeeze_op{"", "Squeeze", squeeze_versions};
extern const OpDef unsqueeze_op{"", "Unsqueeze", unsqueeze_versions};

}  // namespace kiln::ops
