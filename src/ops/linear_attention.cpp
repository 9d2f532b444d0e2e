#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText linear_attention_versions[] = {
    {27, "query:T key:T value:T past_state?:S decay?:T beta?:T -> output:T present_state:S",
     "chunk_size:int=64 kv_num_heads!:int q_num_heads!:int scale:float=0 update_rule:string=gated_delta",
     "T=f16,bf16,f32 S=f16,bf16,f32"},
};

}  // namespace

extern const OpDef linear_attention_op{"", "LinearAttention", linear_attention_versions};

}  // namespace kiln::ops
