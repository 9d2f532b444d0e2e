#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText range_versions[] = {
    {11, "start:T limit:T delta:T -> output:T", "", "T=f32,f64,i16,i32,i64"},
    {27, "start:T limit:T delta:T -> output:T", "stash_type:int=1", "T=real,i16,i32,i64,bf16"},
};

}  // namespace

extern const OpDef range_op{"", "Range", range_versions};

}  // namespace kiln::ops
