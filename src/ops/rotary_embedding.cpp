#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText rotary_embedding_versions[] = {
    {23, "X:T cos_cache:T sin_cache:T position_ids?:M -> Y:T",
     "interleaved:int=0 num_heads:int rotary_embedding_dim:int=0",
     "T=f32,f16,bf16 M=i64"},
};

}  // namespace

extern const OpDef rotary_embedding_op{"", "RotaryEmbedding", rotary_embedding_versions};

}  // namespace kiln::ops
