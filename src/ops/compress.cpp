#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText compress_versions[] = {
    {9, "input:T condition:T1 -> output:T", "axis:int", "T=basic T1=bool"},
    {11, "input:T condition:T1 -> output:T", "axis:int", "T=basic T1=bool"},
    {28, "input:T condition:T1 -> output:T", "axis:int", "T=basic,bf16 T1=bool"},
};

}  // namespace

extern const OpDef compress_op{"", "Compress", compress_versions};

}  // namespace kiln::ops
