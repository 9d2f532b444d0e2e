#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText expand_versions[] = {
    {8, "input:T shape:i64 -> output:T", "", "T=basic"},
    {13, "input:T shape:i64 -> output:T", "", "T=basic,bf16"},
};

}  // namespace

extern const OpDef expand_op{"", "Expand", expand_versions};

}  // namespace kiln::ops
