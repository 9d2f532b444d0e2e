#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText matmul_versions[] = {
    {1, "A:T B:T -> Y:T", "", "T=real"},
    {9, "A:T B:T -> Y:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> Y:T", "", "T=real,u32,u64,i32,i64,bf16"},
};

}  // namespace

extern const OpDef matmul_op{"", "MatMul", matmul_versions};

}  // namespace kiln::ops
