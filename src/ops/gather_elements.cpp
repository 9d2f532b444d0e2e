#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gather_elements_versions[] = {
    {11, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {13, "data:T indices:Tind -> output:T", "axis:int=0", "T=basic,bf16 Tind=i32,i64"},
};

}  // namespace

extern const OpDef gather_elements_op{"", "GatherElements", gather_elements_versions};

}  // namespace kiln::ops
