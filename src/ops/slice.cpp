#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText slice_versions[] = {
    {1, "data:T -> output:T", "axes:ints ends!:ints starts!:ints", "T=basic"},
    {10, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic Tind=i32,i64"},
    {11, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic Tind=i32,i64"},
    {13, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic,bf16 Tind=i32,i64"},
};

}  // namespace

extern const OpDef slice_op{"", "Slice", slice_versions};

}  // namespace kiln::ops
