#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gather_nd_versions[] = {
    {11, "data:T indices:i64 -> output:T", "", "T=basic"},
    {12, "data:T indices:i64 -> output:T", "batch_dims:int=0", "T=basic"},
    {13, "data:T indices:i64 -> output:T", "batch_dims:int=0", "T=basic,bf16"},
};

}  // namespace

extern const OpDef gather_nd_op{"", "GatherND", gather_nd_versions};

}  // namespace kiln::ops
