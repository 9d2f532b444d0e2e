#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText random_normal_versions[] = {
    {1, "-> output:T", "dtype:int=1 mean:float=0 scale:float=1 seed:float shape!:ints", "T=real"},
    {22, "-> output:T", "dtype:int=1 mean:float=0 scale:float=1 seed:float shape!:ints", "T=real,bf16"},
};

constexpr SchemaText random_normal_like_versions[] = {
    {1, "input:T1 -> output:T2", "dtype:int mean:float=0 scale:float=1 seed:float", "T1=basic T2=real"},
    {22, "input:T1 -> output:T2", "dtype:int mean:float=0 scale:float=1 seed:float", "T1=basic,bf16 T2=real,bf16"},
};

constexpr SchemaText random_uniform_versions[] = {
    {1, "-> output:T", "dtype:int=1 high:float=1 low:float=0 seed:float shape!:ints", "T=real"},
    {22, "-> output:T", "dtype:int=1 high:float=1 low:float=0 seed:float shape!:ints", "T=real,bf16"},
};

constexpr SchemaText random_uniform_like_versions[] = {
    {1, "input:T1 -> output:T2", "dtype:int high:float=1 low:float=0 seed:float", "T1=basic T2=real"},
    {22, "input:T1 -> output:T2", "dtype:int high:float=1 low:float=0 seed:float", "T1=basic,bf16 T2=real,bf16"},
};

}  // namespace

extern const OpDef random_normal_op{"", "RandomNormal", random_normal_versions};
extern const OpDef random_normal_like_op{"", "RandomNormalLike", random_normal_like_versions};
extern const OpDef random_uniform_op{"", "RandomUniform", random_uniform_versions};
extern const OpDef random_uniform_like_op{"", "RandomUniformLike", random_uniform_like_versions};

}  // namespace kiln::ops
