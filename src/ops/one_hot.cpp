#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText one_hot_versions[] = {
    {9, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic"},
    {11, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic"},
    {28, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic,bf16"},
};

}  // namespace

extern const OpDef one_hot_op{"", "OneHot", one_hot_versions};

}  // namespace kiln::ops
