#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText equal_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool,i32,i64 T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool,i32,i64 T1=bool"},
    {11, "A:T B:T -> C:T1", "", "T=numeric,bool T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bool,bf16 T1=bool"},
    {19, "A:T B:T -> C:T1", "", "T=numeric,bool,bf16,string T1=bool"},
};

constexpr SchemaText greater_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=real T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=real T1=bool"},
    {9, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText greater_or_equal_versions[] = {
    {12, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {16, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText less_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=real T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=real T1=bool"},
    {9, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {13, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

constexpr SchemaText less_or_equal_versions[] = {
    {12, "A:T B:T -> C:T1", "", "T=numeric T1=bool"},
    {16, "A:T B:T -> C:T1", "", "T=numeric,bf16 T1=bool"},
};

}  // namespace

extern const OpDef equal_op{"", "Equal", equal_versions};
extern const OpDef greater_op{"", "Greater", greater_versions};
extern const OpDef greater_or_equal_op{"", "GreaterOrEqual", greater_or_equal_versions};
extern const OpDef less_op{"", "Less", less_versions};
extern const OpDef less_or_equal_op{"", "LessOrEqual", less_or_equal_versions};

}  // namespace kiln::ops
