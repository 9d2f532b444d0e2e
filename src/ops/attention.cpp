#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText attention_versions[] = {
    {23, "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 -> Y:T1 present_key?:T1 present_value?:T2 "
     "qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int=0 scale:float "
     "softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
    {24, "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 nonpad_kv_seqlen?:i64 -> Y:T1 present_key?:T1 "
     "present_value?:T2 qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int=0 scale:float "
     "softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
    {25, "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 nonpad_kv_seqlen?:i64 -> Y:T1 present_key?:T1 "
     "present_value?:T2 qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int left_window_size:int=-1 q_num_heads:int qk_matmul_output_mode:int=0 "
     "right_window_size:int=-1 scale:float softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
};

}  // namespace

extern const OpDef attention_op{"", "Attention", attention_versions};

}  // namespace kiln::ops
