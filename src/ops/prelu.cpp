#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText prelu_versions[] = {
    {1, "X:T slope:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T slope:T -> Y:T", "", "T=real"},
    {7, "X:T slope:T -> Y:T", "", "T=real"},
    {9, "X:T slope:T -> Y:T", "", "T=real,u32,u64,i32,i64"},
    {16, "X:T slope:T -> Y:T", "", "T=real,bf16,u32,u64,i32,i64"},
};

}  // namespace

extern const OpDef prelu_op{"", "PRelu", prelu_versions};

}  // namespace kiln::ops
