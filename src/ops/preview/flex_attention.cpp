#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText flex_attention_versions[] = {
    {1, "Q:T1 K:T1 V:T1 -> Y:T1",
     "prob_mod:graph scale:float score_mod:graph softmax_precision:int",
     "T1=real,bf16"},
};

}  // namespace

extern const OpDef flex_attention_op{"ai.onnx.preview", "FlexAttention", flex_attention_versions};

}  // namespace kiln::ops
