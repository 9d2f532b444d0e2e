#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText topk_versions[] = {
    {1, "X:T -> Values:T Indices:I", "axis:int=-1 k!:int", "T=real I=i64"},
    {10, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1", "T=real I=i64"},
    {11, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1 largest:int=1 sorted:int=1", "T=numeric I=i64"},
    {24, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1 largest:int=1 sorted:int=1", "T=numeric,bf16 I=i64"},
};

}  // namespace

extern const OpDef topk_op{"", "TopK", topk_versions};

}  // namespace kiln::ops
