#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scatter_nd_versions[] = {
    {11, "data:T indices:i64 updates:T -> output:T", "", "T=basic"},
    {13, "data:T indices:i64 updates:T -> output:T", "", "T=basic,bf16"},
    {16, "data:T indices:i64 updates:T -> output:T", "reduction:string=none", "T=basic,bf16"},
    {18, "data:T indices:i64 updates:T -> output:T", "reduction:string=none", "T=basic,bf16"},
};

}  // namespace

extern const OpDef scatter_nd_op{"", "ScatterND", scatter_nd_versions};

}  // namespace kiln::ops
