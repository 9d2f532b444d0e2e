#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText arg_max_versions[] = {
    {1, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {11, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {12, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric"},
    {13, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric,bf16"},
};

constexpr SchemaText arg_min_versions[] = {
    {1, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {11, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {12, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric"},
    {13, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric,bf16"},
};

}  // namespace

extern const OpDef arg_max_op{"", "ArgMax", arg_max_versions};
extern const OpDef arg_min_op{"", "ArgMin", arg_min_versions};

}  // namespace kiln::ops
