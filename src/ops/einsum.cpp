#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText einsum_versions[] = {
    {12, "Inputs*:T -> Output:T", "equation!:string", "T=numeric"},
    {28, "Inputs*:T -> Output:T", "equation!:string", "T=numeric,bf16"},
};

}  // namespace

extern const OpDef einsum_op{"", "Einsum", einsum_versions};

}  // namespace kiln::ops
