#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gemm_versions[] = {
    {1, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 broadcast:int=0 transA:int=0 transB:int=0", "T=real"},
    {6, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 broadcast:int=0 transA:int=0 transB:int=0", "T=real"},
    {7, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real"},
    {9, "A:T B:T C:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64"},
    {11, "A:T B:T C?:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T C?:T -> Y:T", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0", "T=real,u32,u64,i32,i64,bf16"},
};

}  // namespace

extern const OpDef gemm_op{"", "Gemm", gemm_versions};

}  // namespace kiln::ops
