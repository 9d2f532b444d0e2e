#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText eye_like_versions[] = {
    {9, "input:T1 -> output:T2", "dtype:int k:int=0", "T1=numeric,bool T2=numeric,bool"},
    {22, "input:T1 -> output:T2", "dtype:int k:int=0", "T1=numeric,bf16,bool T2=numeric,bf16,bool"},
};

}  // namespace

extern const OpDef eye_like_op{"", "EyeLike", eye_like_versions};

}  // namespace kiln::ops
