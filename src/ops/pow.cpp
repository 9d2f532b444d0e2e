#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText pow_versions[] = {
    {1, "X:T Y:T -> Z:T", "axis:int broadcast:int=0", "T=real"},
    {7, "X:T Y:T -> Z:T", "", "T=real"},
    {12, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64 T1=numeric"},
    {13, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64,bf16 T1=numeric"},
    {15, "X:T Y:T1 -> Z:T", "", "T=real,i32,i64,bf16 T1=numeric,bf16"},
};

}  // namespace

extern const OpDef pow_op{"", "Pow", pow_versions};

}  // namespace kiln::ops
