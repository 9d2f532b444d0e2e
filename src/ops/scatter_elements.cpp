#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scatter_versions[] = {
    {9, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {11, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64", true},
};

constexpr SchemaText scatter_elements_versions[] = {
    {11, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic Tind=i32,i64"},
    {13, "data:T indices:Tind updates:T -> output:T", "axis:int=0", "T=basic,bf16 Tind=i32,i64"},
    {16, "data:T indices:Tind updates:T -> output:T",
     "axis:int=0 reduction:string=none",
     "T=basic,bf16 Tind=i32,i64"},
    {18, "data:T indices:Tind updates:T -> output:T",
     "axis:int=0 reduction:string=none",
     "T=basic,bf16 Tind=i32,i64"},
};

}  // namespace

extern const OpDef scatter_op{"", "Scatter", scatter_versions};
extern const OpDef scatter_elements_op{"", "ScatterElements", scatter_elements_versions};

}  // namespace kiln::ops
