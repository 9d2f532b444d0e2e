#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText clip_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints max:float min:float", "T=real"},
    {6, "input:T -> output:T", "max:float=3.40282347e+38 min:float=-3.40282347e+38", "T=real"},
    {11, "input:T min?:T max?:T -> output:T", "", "T=real"},
    {12, "input:T min?:T max?:T -> output:T", "", "T=numeric"},
    {13, "input:T min?:T max?:T -> output:T", "", "T=numeric,bf16"},
};

}  // namespace

extern const OpDef clip_op{"", "Clip", clip_versions};

}  // namespace kiln::ops
